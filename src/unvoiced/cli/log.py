"""Commands that read a log: verify all of it, write the proofs of some recordings."""

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from unvoiced.cli.display import counted, out, table
from unvoiced.cli.operator import Config
from unvoiced.config import FILE_NAME, Settings, load_settings
from unvoiced.errors import InputError, VerificationError
from unvoiced.log.feature_receipts import FeatureReceipts
from unvoiced.log.note import Checkpoint, Verifier
from unvoiced.log.reader import CHECKPOINT, LogReader
from unvoiced.log.verify import leaves_about, verify_log
from unvoiced.reader import find_features
from unvoiced.sealing import parse_header
from unvoiced.stores import Store, open_store
from unvoiced.upload import UploadReceipt

LogUrl = Annotated[
    str | None, typer.Option("--log", help="Where the log's files are; with --key, no config.")
]
RECEIPTS = "*.json"
LogKey = Annotated[str | None, typer.Option("--key", help="The log's public key.")]


def verify(
    log: LogUrl = None,
    key: LogKey = None,
    remember: Annotated[
        Path | None,
        typer.Option(
            help="A file that keeps the checkpoint verified last; a log that does not extend it "
            "was rolled back or forked."
        ),
    ] = None,
    config: Config = Path(FILE_NAME),
) -> None:
    """Verify the whole log offline: signature, history, every entry, every receipt."""
    store, verifier = open_log(log, key, config)
    remembered = None
    if remember is not None and remember.exists():
        remembered = Checkpoint.open(remember.read_bytes(), verifier)
    verified = verify_log(store, verifier, remembered)
    if remember is not None:
        remember.write_bytes(verified.note)
    ledger = verified.ledger
    found_missing = ("  of these found missing", f"{ledger.found_missing:,}")
    table(
        f"{counted(verified.checkpoint.size, 'entry', 'entries')} verified",
        {"recordings": "left", "count": "right"},
        [
            ("accepted", f"{ledger.accepted:,}"),
            ("disposed, with receipt", f"{ledger.disposed:,}"),
            *([found_missing] if ledger.found_missing else []),
            ("quarantined", f"{len(ledger.quarantined):,}"),
            ("backlog", f"{len(ledger.backlog):,}"),
            ("archived originals kept", f"{len(ledger.archived):,}"),
        ],
    )
    table(
        "Keys",
        {"of": "left", "in use": "right", "destroyed": "right"},
        [
            (
                "intake epochs",
                f"{len(ledger.intake_keys):,}",
                f"{len(ledger.retired_intake_keys):,}",
            ),
            (
                "contributors",
                f"{len(ledger.contributor_keys):,}",
                f"{len(ledger.destroyed_contributor_keys):,}",
            ),
        ],
    )
    if ledger.retired_intake_keys:
        epochs = sorted(ledger.retired_intake_keys.values())
        out.print(f"retired epochs: {', '.join(epochs)}", soft_wrap=True, markup=False)
    earlier = counted(remembered.size, "entry", "entries") if remembered else ""
    since = f"extends the one of {earlier}" if earlier else "first visit"
    out.print(f"root {verified.checkpoint.root.hex()} ({since})", soft_wrap=True)


def proof(
    samples: Annotated[
        list[str],
        typer.Argument(
            help="Upload receipts or folders of them, the SHA-256 of a sealed object, or a sample "
            "of the training store."
        ),
    ],
    output: Annotated[Path, typer.Option("--output", "-o", help="A folder.")] = Path(),
    log: LogUrl = None,
    key: LogKey = None,
    config: Config = Path(FILE_NAME),
) -> None:
    """Write self-contained proofs of all that the log says about recordings."""
    wanted: dict[tuple[str | None, str | None], list[tuple[str, ...]]] = {}
    for sample in files_among(samples, RECEIPTS, "upload receipts"):
        place = log_of(sample, log, key)
        wanted.setdefault(place, []).append(digests_of(sample, config))
    output.mkdir(parents=True, exist_ok=True)
    silent: list[str] = []
    for place, recordings in wanted.items():
        store, verifier = open_log(*place, config)
        silent += _write_proofs(LogReader(store, verifier), recordings, output)
    if silent:
        raise VerificationError(
            f"the log says nothing about {', '.join(silent)}: not accepted, or not yet; "
            "ask again after the operator's next run"
        )


def _write_proofs(
    reader: LogReader, recordings: Sequence[tuple[str, ...]], output: Path
) -> list[str]:
    """Write the proofs; returns the digests of recordings that the log says nothing about."""
    known: set[str] = set()
    digests = [digest for digests in recordings for digest in digests]
    for index, data, leaf in leaves_about(reader, *digests):
        path = output / f"{leaf.digest[:16]}-{index}-{leaf.kind}.tlog-proof"
        path.write_bytes(reader.proof(index, data).encode())
        out.print(f"{leaf.fields['time']}  {leaf.kind:<12} {path}", soft_wrap=True)
        known.add(leaf.digest)
    return [digests[0] for digests in recordings if known.isdisjoint(digests)]


def files_among(places: Sequence[str], pattern: str, what: str) -> list[str]:
    """The same, with the files of each folder in its place. Raises `InputError` for one of none."""
    found: list[str] = []
    for place in places:
        if not Path(place).is_dir():
            found.append(place)
            continue
        files = [str(path) for path in sorted(Path(place).glob(pattern))]
        if not files:
            raise InputError(f"{place} holds no {what}")
        found += files
    return found


def open_log(log: str | None, key: str | None, config: Path) -> tuple[Store, Verifier]:
    """The log's store and public key: those that are given, or else the settings'."""
    if log is not None and key is not None:
        verifier = log_key(key, config)
        if "://" not in log:
            _refuse_where_the_log_is_beside(Path(log))
            log = Path(log).resolve().as_uri()
        return open_store(log), verifier
    if log is not None or key is not None:
        raise InputError("--log and --key go together")
    settings = _settings(config, "--log and --key LOG_KEY (log_url and log_vkey in your receipt)")
    return settings.store("log"), Verifier.parse(settings.log_vkey)


def _refuse_where_the_log_is_beside(folder: Path) -> None:
    """Raises `InputError` where a folder has no log, and the deployment it belongs to has one."""
    if (folder / CHECKPOINT).exists():
        return
    for there in (folder / "stores" / "log", folder.parent / "stores" / "log"):
        if (there / CHECKPOINT).exists():
            raise InputError(f"there is no log in {folder}; there is one in {there}")


def log_key(key: str | None, config: Path) -> Verifier:
    """The log's public key: the one that is given, or else the settings'. Raises `InputError`."""
    if key is None:
        settings = _settings(config, "--key LOG_KEY (log_vkey in your receipt)")
        return Verifier.parse(settings.log_vkey)
    try:
        return Verifier.parse(key)
    except VerificationError as error:
        raise InputError(
            f"that is not the public key of a log (log_vkey in your receipt): {error}"
        ) from None


def _settings(config: Path, instead: str) -> Settings:
    path = config / FILE_NAME if config.is_dir() else config
    if not path.exists():
        raise InputError(f"there is no {path} to take the log's key from: give {instead}")
    return load_settings(config)


def log_of(sample: str, log: str | None, key: str | None) -> tuple[str | None, str | None]:
    """Where the log is and its key: as an upload receipt says, unless somebody says otherwise."""
    if (log is None or key is None) and Path(sample).is_file():
        receipt = UploadReceipt.read(Path(sample))
        return log or receipt.log_url, key or receipt.log_vkey
    return log, key


def digests_of(sample: str, config: Path) -> tuple[str, ...]:
    """What the log may know a recording by that is named by its receipt, digest or sample.

    That is one SHA-256 of a sealed object; two where a receipt has one that it replaced.
    """
    if Path(sample).is_file():
        return UploadReceipt.read(Path(sample)).digests
    if len(sample) == 64 and all(character in "0123456789abcdef" for character in sample):
        return (sample,)
    settings = load_settings(config)
    training = settings.store("training")
    receipts = FeatureReceipts(settings.log_reader())
    for feature in find_features(training, sample):
        sealed = training.get(feature.name).data
        if receipts.among([hashlib.sha256(sealed).hexdigest()]):
            return (str(parse_header(sealed).context.get("source_sha256")),)
    raise VerificationError(f"no receipt of the log names the features of {sample}")
