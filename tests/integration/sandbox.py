"""A deployment in a folder of its own, with contributors whose every trace is a canary."""

import hashlib
import io
import json
import secrets
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import get_args

import numpy as np
import soundfile
from cryptography.fernet import Fernet

from tests.integration.canaries import (
    Needle,
    fresh_cycle,
    of_plaintext,
    of_samples,
    of_secret,
    of_text,
)
from tests.integration.prefect_server import BIN, environment
from unvoiced.config import Role, Settings, load_settings
from unvoiced.keys.contributor import key_context
from unvoiced.keys.invitation import Invitation
from unvoiced.keys.pseudonyms import pseudonym
from unvoiced.names import sealed_name
from unvoiced.sealing import PrivateKey, open_sealed

SABOTAGE = Path(__file__).parent / "sabotage"
_RATE = 16_000


@dataclass(frozen=True)
class Sandbox:
    """Everything the people of a deployment have on their disks; `speech` is what is said."""

    folder: Path
    speech: np.ndarray
    cycle: np.ndarray = field(default_factory=fresh_cycle)
    # One word for each kind of text that must not travel.
    words: dict[str, str] = field(
        default_factory=lambda: {
            what: secrets.token_hex(10) for what in ("person", "file name", "metadata", "text")
        }
    )
    passphrase: str = field(default_factory=lambda: f"correct {secrets.token_hex(10)}")
    written: dict[str, bytes] = field(default_factory=dict)  # recordings by what they are

    @property
    def home(self) -> Path:
        """The HOME of every process of it."""
        return self.folder / "home"

    @property
    def sources(self) -> Path:
        """The contributors' own recordings."""
        return self.folder / "sources"

    @property
    def receipts(self) -> Path:
        """The contributors' own receipts."""
        return self.folder / "receipts"

    @property
    def invitations(self) -> Path:
        """What the contributors were given."""
        return self.folder / "invitations"

    @property
    def passphrase_file(self) -> Path:
        """The worker's passphrase."""
        return self.folder / "worker-passphrase"

    @property
    def config(self) -> Path:
        """The settings file."""
        return self.folder / "deployment" / "unvoiced.toml"

    @cached_property
    def settings(self) -> Settings:
        """The deployment."""
        return load_settings(self.config)

    @property
    def variables(self) -> dict[str, str]:
        """What a worker's environment has to say; a path, not a secret."""
        return {"UNVOICED_WORKER_PASSPHRASE_FILE": str(self.passphrase_file)}

    def contributor(self, number: int) -> str:
        """The id of a contributor."""
        return f"canary-person-{self.words['person']}-{number}"

    def command(self, *arguments: str | Path, answers: str = "") -> None:
        """Run `unvoiced`, keeping what it prints."""
        with (self.home / "commands-output").open("ab") as output:
            subprocess.run(
                [BIN / "unvoiced", *arguments],
                env=environment(self.home) | self.variables,
                cwd=self.folder,
                input=answers.encode(),
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,  # no terminal to ask on
                timeout=60,
                check=True,
            )

    def create(self) -> None:
        """Make the deployment and invite two contributors."""
        for folder in (self.home, self.sources, self.receipts, self.invitations):
            folder.mkdir(parents=True)
        self.passphrase_file.write_text(self.passphrase)
        answers = f"{self.passphrase}\n" * 2
        self.command("init", self.config.parent, "--passphrase", "worker", answers=answers)
        with self.config.open("a") as settings:
            settings.write("batch_samples = 4\nworkers = 2\n\n[disposal]\narchive = ['*']\n")
        for number in (1, 2):
            file = self.invitations / f"{number}.invitation"
            self.command("invite", self.contributor(number), "-o", file, "-c", self.config)

    def record(self, number: int, kinds: Iterator[tuple[str, str, bytes]]) -> None:
        """Write recordings of a contributor and upload them."""
        folder = self.sources / str(number)
        for what, extension, data in kinds:
            self.written[what] = data
            name = f"canary-filename-{self.words['file name']} {what}.{extension}"
            folder.mkdir(exist_ok=True)
            (folder / name).write_bytes(data)
        self.command("upload", folder, "-i", self.invitations / f"{number}.invitation",
                     "--receipts", self.receipts / str(number))  # fmt: skip

    def upload_fernet(self) -> None:
        """Upload as before `unvoiced`; the worker's vault holds the key."""
        vault = self.settings.vault("worker")
        vault.put("fernet/legacy", Fernet.generate_key())
        data = self.audio("WAV")
        self.written["fernet"] = data
        inviter = self.settings.vault("inviter").get("pseudonym/key")
        name = sealed_name(pseudonym(inviter, self.contributor(1)), "legacy-1")
        token = Fernet(vault.get("fernet/legacy")).encrypt(data)
        self.settings.store("raw").put_if_absent(name, token)

    def audio(self, kind: str, **metadata: str) -> bytes:
        """Speech with the cycle in it, under noise that nobody else has."""
        noise = np.random.default_rng(secrets.randbits(64)).integers(-99, 99, self.speech.size)
        samples = np.clip(self.speech + noise, -32768, 32767).astype(np.int16)
        half = samples.size // 2
        pattern = np.tile(self.cycle, 2000)
        file = io.BytesIO()
        with soundfile.SoundFile(file, "w", _RATE, 1, "PCM_16", format=kind) as sound:
            for field_name, value in metadata.items():
                setattr(sound, field_name, value)
            sound.write(np.concatenate([samples[:half], pattern, samples[half:], pattern[:64]]))
        return file.getvalue()

    def troublemakers(self) -> Iterator[tuple[str, str, bytes]]:
        """Recordings that cannot become features: cut short, and no recording at all."""
        whole = self.audio("WAV")
        yield "cut short", "wav", whole[: len(whole) // 2]
        yield "no audio", "wav", f"canary-text-{self.words['text']}\n".encode() * 99

    def secrets(self) -> dict[str, bytes]:
        """Every key there is, by vault and name; the contributors' as data scientists see them."""
        found: dict[str, bytes] = {}
        for role in get_args(Role):
            vault = self.settings.vault(role)
            folder = Path(self.settings.folder, "keys", role)
            for file in folder.glob("*/*.key"):
                name = str(file.relative_to(folder))[: -len(".key")]
                if not name.startswith("recipient/"):  # a public key
                    found[f"{role} {name}"] = vault.get(name)
        dataset = PrivateKey(found["dataset dataset/dataset"])
        training = self.settings.store("training")
        for entry in training.list("keys/"):
            whose = entry.name.removeprefix("keys/").removesuffix(".unv")
            sealed = training.get(entry.name).data
            with open_sealed(sealed, dataset, key_context(whose)) as opened:
                found[f"contributor {whose}"] = bytes(bytearray(opened.data))
        return found

    def needles(self) -> Iterator[Needle]:
        """All that must not be found."""
        yield from of_samples("samples", self.cycle)
        for what, word in self.words.items():
            yield from of_text(what, word)
        for what, data in self.written.items():
            yield from of_plaintext(f"recording {what}", data)
            yield from of_secret(f"digest of {what}", hashlib.sha256(data).digest())
        for name, key in self.secrets().items():
            yield from of_secret(name, key)
        yield from of_text("passphrase", self.passphrase)
        for file in (self.config.parent / "keys").glob("*.kek"):
            yield from of_secret(f"key file {file.name}", file.read_bytes())
        for number in (1, 2):
            invitation = Invitation.read(self.invitations / f"{number}.invitation")
            yield from of_secret(f"sample key {number}", bytes.fromhex(invitation.sample_key))

    def is_allowed(self, place: str, what: str) -> bool:
        """The only places where something hunted may stand, each with the one thing it may hold.

        The folder of source recordings is left out of the hunt altogether, with the sabotage's
        orders in it.
        """
        path = Path(place)
        keys = self.config.parent / "keys"
        return (
            path.is_relative_to(self.sources)
            or (path.is_relative_to(self.receipts) and what == "file name")
            or (path.parent == self.invitations and what.startswith(f"sample key {path.stem}["))
            or (path == self.passphrase_file and what == "passphrase")
            or (path.parent == keys and what.startswith(f"key file {path.name}["))
        )

    def sabotage(self, orders: dict[str, str]) -> dict[str, str]:
        """Give orders by what a recording is; returns the variables that make workers follow."""
        by_digest = {
            hashlib.sha256(self.written[what]).hexdigest() if what in self.written else what: order
            for what, order in orders.items()
        }
        (self.sources / "orders.json").write_text(json.dumps(by_digest))
        return {"PYTHONPATH": str(SABOTAGE), "UNVOICED_SABOTAGE": str(self.sources)}
