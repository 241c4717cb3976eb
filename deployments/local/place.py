"""The folder that a local server keeps everything in: `.unvoiced` of the checkout, or `--home`.

It is this user's alone, as is every file in it: Prefect's database and logs, the password of the
API, which processes run. Nothing in it is needed by anybody else, and `down` leaves all of it.
"""

import fcntl
import json
import os
import secrets
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path

from deployments.local.environment import USER
from unvoiced.errors import AccessError, InputError

ROOT = Path(__file__).parents[2]
DEFAULT = ROOT / ".unvoiced"
PORT = 4200


@dataclass(frozen=True)
class Choices:
    """What `up` was told, remembered for the next time; empty is what it does by itself."""

    port: int = PORT
    config: str = ""  # of `unvoiced`; empty: of the deployment that `up` makes
    database: str = ""  # a URL, with its password where it has one
    public_url: str = ""


@dataclass(frozen=True)
class Place:
    """Where things are; `folder` is absolute."""

    folder: Path

    @property
    def prefect(self) -> Path:
        """Prefect's own folder, with its database where that is SQLite."""
        return self.folder / "prefect"

    @property
    def deployment(self) -> Path:
        """The deployment that is made where none is given."""
        return self.folder / "deployment"

    @property
    def password_file(self) -> Path:
        """Where the password of the API stands."""
        return self.folder / "password"

    def log(self, name: str) -> Path:
        """What a process prints."""
        return self.folder / "logs" / f"{name}.log"

    def record(self, name: str) -> Path:
        """Which process it is."""
        return self.folder / f"{name}.json"

    @property
    def there(self) -> bool:
        """Whether anything was ever started here."""
        return os.path.lexists(self.folder)

    def check(self) -> None:
        """Raises `AccessError` where others could read what is in it, or put something there."""
        status = os.lstat(self.folder)
        if not stat.S_ISDIR(status.st_mode) or status.st_uid != os.geteuid():
            raise AccessError(f"{self.folder} is not a folder of yours; choose one with --home")
        if status.st_mode & 0o077:
            raise AccessError(
                f"{self.folder} is open to others: chmod 700 it, if all in it is yours"
            )

    def make(self) -> None:
        """Make the folders that are missing. Raises `AccessError`."""
        with suppress(FileExistsError):  # be it a folder or not: looked at next
            self.folder.mkdir(mode=0o700, parents=True)
        self.check()
        for folder in (self.prefect, self.prefect / "tmp", self.folder / "logs"):
            folder.mkdir(mode=0o700, exist_ok=True)

    def make_password(self) -> None:
        """Make it, where there is none. Under the lock only: a server keeps what it began with."""
        if not self.password_file.exists():
            write_private(self.password_file, secrets.token_urlsafe(24) + "\n")

    def auth(self) -> str:
        """`user:password` of the API. Raises `InputError` where nothing was started."""
        try:
            return f"{USER}:{self.password_file.read_text().strip()}"
        except FileNotFoundError:
            raise InputError(f"nothing was started in {self.folder} yet: `make up`") from None

    def choices(self) -> Choices:
        """What `up` was told last."""
        try:
            return Choices(**json.loads((self.folder / "choices.json").read_text()))
        except FileNotFoundError:
            return Choices()

    def config(self, choices: Choices) -> str:
        """The settings that runs take: those given, or those of a deployment of our own."""
        return choices.config or str(self.deployment)

    def remember(self, choices: Choices) -> None:
        """Keep it for the next time."""
        write_private(self.folder / "choices.json", json.dumps(asdict(choices), indent=1) + "\n")

    @contextmanager
    def lock(self) -> Iterator[bool]:
        """Only one `up` or `down` at a time; the others wait. Yields whether this one had to."""
        with (self.folder / "lock").open("w") as file:
            waited = False
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                waited = True
                fcntl.flock(file, fcntl.LOCK_EX)
            yield waited


def place(home: str) -> Place:
    """The place that a command was told, or the checkout's own."""
    return Place(Path(os.path.realpath(home)) if home else DEFAULT.resolve())


def write_private(path: Path, text: str) -> None:
    """Write a file that only its user reads, whole or not at all."""
    part = path.with_name(f".{path.name}.{os.getpid()}")
    descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(text)
    part.replace(path)
