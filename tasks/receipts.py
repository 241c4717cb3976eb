"""Where a run's receipts can be checked: how far the log goes now, and the commands that look.

Read by the process that shows the run: it needs to read the log, and no key. What it shows is what
the signed checkpoint says; what a report says of it is worth nothing beside that.
"""

import shlex
from dataclasses import dataclass
from pathlib import Path

from unvoiced.config import load_settings
from unvoiced.errors import UnvoicedError
from unvoiced.log.note import encode_base64

_LOG_FOLDER = "LOG_FOLDER"  # wherever the reader has the log's files


@dataclass(frozen=True)
class LogAfter:
    """What the log's checkpoint said after a run; `why` it could not be read, if it could not."""

    vkey: str = ""
    url: str = ""  # where its copy is published, if [log] url says so
    size: int = 0
    root: str = ""  # base64, as it stands in the checkpoint
    why: str = ""

    @classmethod
    def look(cls, config: str) -> "LogAfter":
        """Read and verify the checkpoint. Never raises what a store or a log can."""
        try:
            settings = load_settings(Path(config))
            checkpoint = settings.log_reader().checkpoint()
        except UnvoicedError as error:
            return cls(why=error.diagnostics())
        root = encode_base64(checkpoint.root)
        return cls(settings.log_vkey, settings.log_url, checkpoint.size, root)

    def markdown(self) -> str:
        """A section of a report."""
        if self.why:
            return f"### Receipts\n\n**The log could not be read**: {self.why}"
        where = "a copy of its files"
        if self.url:
            where = f"its [published copy]({self.url}/checkpoint)"
        key = shlex.quote(self.vkey)
        return "\n".join(
            [
                "### Receipts",
                "",
                f"The log has {self.size:,} entries, root hash `{self.root}`. Anyone can check "
                f"that, and every receipt, on {where}:",
                "",
                "```",
                f"unvoiced log verify --log {_LOG_FOLDER} --key {key} --remember last-visit",
                "```",
                "",
                "A certificate for one recording: `unvoiced certificate sample RECEIPT "
                "-o gone.json --html gone.html`, where RECEIPT is what its uploader was given.",
            ]
        )
