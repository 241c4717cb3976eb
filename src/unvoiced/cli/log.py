"""Commands for anyone who wants to check: verify the log, prove one recording, check a proof."""

import hashlib
from pathlib import Path
from typing import Annotated

import typer

from unvoiced.cli.display import out, table
from unvoiced.cli.operator import Config
from unvoiced.config import FILE_NAME, load_settings
from unvoiced.errors import InputError, VerificationError
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
_VERDICTS = {
    "accepted": "The recording was taken over. This does not say that it was destroyed.",
    "disposed": "The recording was destroyed and, by the operator's own observation, is gone.",
    "quarantined": "The recording could not be used, and was left where it was, sealed.",
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
    store, verifier = _log(log, key, config)
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
        ],
    )
    since = f"extends the one of {remembered.size:,} entries" if remembered else "first visit"
    out.print(f"root {verified.checkpoint.root.hex()} ({since})", soft_wrap=True)


def proof(
    sample: Annotated[
        str,
        typer.Argument(
            help="An upload receipt, the SHA-256 of a sealed object, or a sample of the training "
            "store."
        ),
    ],
    output: Annotated[Path, typer.Option("--output", "-o", help="A folder.")] = Path(),
    log: LogUrl = None,
    key: LogKey = None,
    config: Config = Path(FILE_NAME),
) -> None:
    """Write self-contained proofs of all that the log says about one recording."""
    receipt = UploadReceipt.read(Path(sample)) if Path(sample).is_file() else None
    digest = receipt.sha256 if receipt else _digest_of(sample, config)
    if receipt is not None and log is None and key is None:
        log, key = receipt.log_url, receipt.log_vkey
    store, verifier = _log(log, key, config)
    reader = LogReader(store, verifier)
    found = 0
    output.mkdir(parents=True, exist_ok=True)
    for index, data, leaf in leaves_about(reader, digest):
        path = output / f"{digest[:16]}-{index}-{leaf.kind}.tlog-proof"
        path.write_bytes(reader.proof(index, data).encode())
        out.print(f"{leaf.fields['time']}  {leaf.kind:<12} {path}", soft_wrap=True)
        found += 1
    if not found:
        raise VerificationError(
            f"the log says nothing about {digest}: it was not accepted, or not yet; "
            "ask again after the operator's next run"
        )


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
    about = UploadReceipt.read(receipt).sha256 if receipt is not None else None
    for file in proof_files:
        proved = TlogProof.parse(file.read_bytes())
        leaf, checkpoint = verify_proof(proved, verifier)
        if about is not None and about != leaf.digest:
            raise VerificationError(
                f"{file} holds, but is about another recording than the receipt"
            )
        out.print(f"[green]Proved:[/] {leaf.kind}, entry {proved.index:,} of {checkpoint.size:,}")
        out.print(_VERDICTS.get(leaf.kind, ""))
        out.print(f"in the log {checkpoint.origin}", soft_wrap=True, highlight=False)
        for name, value in leaf.fields.items():
            out.print(f"[bold]{name}[/]: {_shown(value)}", soft_wrap=True, highlight=False)


def _log(log: str | None, key: str | None, config: Path) -> tuple[Store, Verifier]:
    if log is not None and key is not None:
        url = log if "://" in log else Path(log).resolve().as_uri()
        return open_store(url), Verifier.parse(key)
    if log is not None or key is not None:
        raise InputError("--log and --key go together")
    settings = load_settings(config)
    return settings.store("log"), Verifier.parse(settings.log_vkey)


def _digest_of(sample: str, config: Path) -> str:
    if len(sample) == 64 and all(character in "0123456789abcdef" for character in sample):
        return sample
    settings = load_settings(config)
    training = settings.store("training")
    genuine = features_with_receipt(settings.log_reader())
    for feature in find_features(training, sample):
        if hashlib.sha256(training.get(feature.name).data).hexdigest() in genuine:
            return str(feature.context.get("source_sha256"))
    raise VerificationError(f"no receipt of the log names the features of {sample}")


def _shown(value: object) -> str:
    if isinstance(value, list):
        return "".join(f"\n  - {_shown(item)}" for item in value)
    if isinstance(value, dict):
        return ", ".join(f"{name}: {item}" for name, item in value.items())
    return str(value)
