"""Contributors' keys that retention is about to destroy, for who is about to rely on one.

Retention writes its intent, then looks whether anything needs the key, then destroys it. Who
ingests looks here, then reads the key back, and destroys the recording last. So either retention
still sees the recording, or here its intent is seen, or the key is found gone.
"""

from unvoiced.errors import NotFound, VerificationError
from unvoiced.log.note import Verifier
from unvoiced.log.statement import open_statement
from unvoiced.stores.interface import Store

SWEEPS = "intents/sweeps/"
SWEEP_TITLE = "unvoiced sweep intent v1"
KEY = "contributor-key-destroyed"


class KeysToGo:
    """Reads the intents to sweep in the journal store; `verifier` is the log's public key."""

    def __init__(self, journal: Store, verifier: Verifier) -> None:
        self._journal = journal
        self._verifier = verifier

    def now(self) -> set[str]:
        """The digests of key objects that are intended to be destroyed now.

        An intent that nobody of ours signed has nothing destroyed, and counts for nothing.
        """
        found: set[str] = set()
        for listed in self._journal.list(SWEEPS):
            try:
                note = self._journal.get(listed.name).data
                record = open_statement(SWEEP_TITLE, note, self._verifier)
            except (NotFound, VerificationError):
                continue
            if record["name"] == listed.name:
                found |= {str(one["sha256"]) for one in record["items"] if one["kind"] == KEY}
        return found
