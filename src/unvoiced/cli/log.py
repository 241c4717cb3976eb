"""Commands for anyone who wants to check: verify the log, prove one recording, check a proof."""

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from unvoiced.cli.display import out, table
from unvoiced.cli.operator import Config
from unvoiced.config import FILE_NAME, load_settings
from unvoiced.errors import InputError, VerificationError
from unvoiced.ingest.recording import QUARANTINE_REASONS
from unvoiced.log.note import Checkpoint, Verifier
from unvoiced.log.proof import TlogProof
from unvoiced.log.reader import LogReader
from unvoiced.log.verify import features_with_receipt, leaves_about, verify_log, verify_proof
from unvoiced.reader import find_features
from unvoiced.stores import Store, open_store
from unvoiced.upload import UploadReceipt

LogUrl = Annotated[
    str | None, typer.Option("--log", help="Where the log's files are; with --key, no config.")
]
_OBSERVED = "by the operator's own observation"
_VERDICTS = {
    "accepted": "The recording was taken over. This does not say that it was destroyed.",
    "disposed": f"The recording was destroyed and, {_OBSERVED}, is gone.",
    "quarantined": "The recording could not be used, and was left where it was, sealed.",
    "released": "The recording was let out of quarantine, to be tried again.",
    "extracted": "More features were made of the recording, or of its archived original. This does "
    "not say that either was destroyed.",
    "archive-destroyed": f"The archived original was destroyed and, {_OBSERVED}, is gone.",
    "intake-key": "Recordings may be sealed to this key from now on.",
    "intake-key-retired": f"The private key was destroyed and, {_OBSERVED}, is gone: nothing that "
    "was sealed to it can be opened any more, unless there is a copy of the key.",
    "contributor-key": "This key object is genuine: features of a contributor are sealed to its "
    "key.",
    "contributor-key-destroyed": f"The key object was destroyed and, {_OBSERVED}, is gone: the "
    "features that were sealed to its key cannot be opened with it any more.",
    "swept": f"What a retention rule made due in one store was destroyed and, {_OBSERVED}, is "
    "gone. The digest is of a record that is not in the log.",
    "erased": f"All that was kept of one contributor was destroyed and, {_OBSERVED}, is gone. The "
    "digest is of the body of their certificate: `unvoiced certificate contributor` makes it.",
}
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
    table(
        f"{verified.checkpoint.size:,} entries verified",
        {"recordings": "left", "count": "right"},
        [
            ("accepted", f"{ledger.accepted:,}"),
            ("disposed, with receipt", f"{ledger.disposed:,}"),
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
    since = f"extends the one of {remembered.size:,} entries" if remembered else "first visit"
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
    for sample in _receipts_among(samples):
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


def _receipts_among(samples: Sequence[str]) -> list[str]:
    """The same, with the receipts of a folder in its place. Raises `InputError`."""
    found: list[str] = []
    for sample in samples:
        if not Path(sample).is_dir():
            found.append(sample)
            continue
        receipts = [str(path) for path in sorted(Path(sample).glob("*.json"))]
        if not receipts:
            raise InputError(f"{sample} holds no upload receipts")
        found += receipts
    return found


def check(
    proof_files: Annotated[list[Path], typer.Argument(help="One or more .tlog-proof files.")],
    key: LogKey = None,
    receipt: Annotated[
        Path | None, typer.Option(help="The upload receipt they should be about.")
    ] = None,
    config: Config = Path(FILE_NAME),
) -> None:
    """Check proof files offline, with the log's public key and nothing else."""
    verifier = Verifier.parse(key or load_settings(config).log_vkey)
    about = UploadReceipt.read(receipt).digests if receipt is not None else None
    for file in proof_files:
        proved = TlogProof.parse(file.read_bytes())
        leaf, checkpoint = verify_proof(proved, verifier)
        if about is not None and leaf.digest not in about:
            raise VerificationError(
                f"{file} holds, but is about another recording than the receipt"
            )
        out.print(f"[green]Proved:[/] {leaf.kind}, entry {proved.index:,} of {checkpoint.size:,}")
        out.print(_VERDICTS[leaf.kind])
        if leaf.kind == "quarantined":
            reason = str(leaf.fields.get("reason"))
            out.print(f"Why: {QUARANTINE_REASONS.get(reason, reason)}.", markup=False)
        out.print(f"in the log {checkpoint.origin}", soft_wrap=True, highlight=False)
        for name, value in leaf.fields.items():
            out.print(f"[bold]{name}[/]: {_shown(value)}", soft_wrap=True, highlight=False)


def open_log(log: str | None, key: str | None, config: Path) -> tuple[Store, Verifier]:
    """The log's store and public key: those that are given, or else the settings'."""
    if log is not None and key is not None:
        url = log if "://" in log else Path(log).resolve().as_uri()
        return open_store(url), Verifier.parse(key)
    if log is not None or key is not None:
        raise InputError("--log and --key go together")
    settings = load_settings(config)
    return settings.store("log"), Verifier.parse(settings.log_vkey)


def log_of(sample: str, log: str | None, key: str | None) -> tuple[str | None, str | None]:
    """Where an upload receipt says the log is, unless somebody says otherwise."""
    if log is None and key is None and Path(sample).is_file():
        receipt = UploadReceipt.read(Path(sample))
        return receipt.log_url, receipt.log_vkey
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
    genuine = features_with_receipt(settings.log_reader())
    for feature in find_features(training, sample):
        if hashlib.sha256(training.get(feature.name).data).hexdigest() in genuine:
            return (str(feature.context.get("source_sha256")),)
    raise VerificationError(f"no receipt of the log names the features of {sample}")


def _shown(value: object) -> str:
    if isinstance(value, list):
        return "".join(f"\n  - {_shown(item)}" for item in value)
    if isinstance(value, dict):
        return ", ".join(f"{name}: {item}" for name, item in value.items())
    return str(value)
