"""The command that checks proofs offline: what each proves, and what they prove together."""

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from unvoiced.cli.display import counted, err, out
from unvoiced.cli.log import RECEIPTS, LogKey, files_among, log_key
from unvoiced.cli.operator import Config
from unvoiced.config import FILE_NAME
from unvoiced.errors import InputError, VerificationError
from unvoiced.ingest.recording import QUARANTINE_REASONS
from unvoiced.log.leaves import FOUND_MISSING, Leaf
from unvoiced.log.proof import TlogProof
from unvoiced.log.verify import verify_proof
from unvoiced.upload import UploadReceipt

_PROOF = b"c2sp.org/tlog-proof@"
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
    "suppression-lifted": "Somebody whose recordings were erased may contribute again.",
    "audited": "A page of the audit trail was tied into the log: it and the records that it names "
    "cannot be changed or taken away unseen.",
    "approved": "Somebody was let read more features than the quota allows, or no longer. The "
    "digest is of the approval, which says who approved it for whom, how much, until when and why; "
    "or is made of that digest, where the approval was revoked.",
    "reviewed": "Who can reach what was reviewed. The digest is of the signed report.",
}
_FOUND_MISSING = "It was found missing. Nobody here destroyed it, and a copy may be elsewhere."
# What each says of where a recording is now, until a later one says otherwise.
_WHEREABOUTS = {
    "accepted": "taken over, and not destroyed",
    "disposed": "destroyed",
    "quarantined": "in quarantine",
    "released": "let out of quarantine",
}


def check(
    proof_files: Annotated[
        list[Path], typer.Argument(help="Files .tlog-proof, or folders of them.")
    ],
    key: LogKey = None,
    receipt: Annotated[
        list[Path] | None,
        typer.Option(
            help="The upload receipt they should be about, or a folder of receipts; may be given "
            "several times. Without --key, the log's key is taken from it."
        ),
    ] = None,
    config: Config = Path(FILE_NAME),
) -> None:
    """Check proof files offline, with the log's public key and nothing else."""
    files = files_among([str(file) for file in proof_files], "*.tlog-proof", "proofs")
    places = files_among([str(place) for place in receipt or []], RECEIPTS, "upload receipts")
    receipts = [UploadReceipt.read(Path(place)) for place in places]
    if key is None and receipts:
        key = _key_in(receipts)
        err.print(f"the log's key, from the receipt: {key}", soft_wrap=True, highlight=False)
    verifier = log_key(key, config)
    about = {digest for one in receipts for digest in one.digests}
    newest: dict[str, tuple[int, Leaf]] = {}
    for file in files:
        proved = _read(Path(file))
        leaf, checkpoint = verify_proof(proved, verifier)
        if receipts and leaf.digest not in about:
            raise VerificationError(
                f"{file} holds, but is about another recording than the receipt"
                + ("s" if len(receipts) > 1 else "")
            )
        out.print(f"[green]Proved:[/] {leaf.kind}, entry {proved.index:,} of {checkpoint.size:,}")
        _print(leaf, checkpoint.origin)
        if leaf.kind in _WHEREABOUTS and proved.index >= newest.get(leaf.digest, (0, leaf))[0]:
            newest[leaf.digest] = proved.index, leaf
    recordings = [one.digests for one in receipts] or [(digest,) for digest in newest]
    if recordings:
        out.print(_summary(recordings, newest), soft_wrap=True)


def _key_in(receipts: Sequence[UploadReceipt]) -> str:
    keys = {one.log_vkey for one in receipts}
    if len(keys) > 1:
        raise InputError("the receipts are for several logs: check those of one log at a time")
    return keys.pop()


def _read(file: Path) -> TlogProof:
    data = file.read_bytes()
    if not data.startswith(_PROOF):
        raise InputError(f"{file} is not a .tlog-proof file")
    return TlogProof.parse(data)


def _print(leaf: Leaf, origin: str) -> None:
    out.print(_FOUND_MISSING if _found_missing(leaf) else _VERDICTS[leaf.kind])
    if leaf.kind == "quarantined":
        reason = str(leaf.fields.get("reason"))
        out.print(f"Why: {QUARANTINE_REASONS.get(reason, reason)}.", markup=False)
    out.print(f"in the log {origin}", soft_wrap=True, highlight=False)
    for name, value in leaf.fields.items():
        out.print(f"[bold]{name}[/]: {_shown(value)}", soft_wrap=True, highlight=False)


def _found_missing(leaf: Leaf) -> bool:
    return leaf.fields.get("cause") == FOUND_MISSING


def _summary(recordings: Sequence[tuple[str, ...]], newest: dict[str, tuple[int, Leaf]]) -> str:
    """How many of the recordings, each by the digests it may have, are where by these proofs."""
    where: Counter[str] = Counter()
    for digests in recordings:
        known = [newest[digest] for digest in digests if digest in newest]
        if not known:
            where["without a proof here"] += 1
            continue
        _, leaf = max(known, key=lambda one: one[0])
        where[FOUND_MISSING if _found_missing(leaf) else _WHEREABOUTS[leaf.kind]] += 1
    destroyed = where.pop("destroyed", 0)
    others = "".join(f", {count:,} {which}" for which, count in sorted(where.items()))
    total = counted(len(recordings), "recording")
    return f"By these proofs: {destroyed:,} of {total} destroyed{others}"


def _shown(value: object) -> str:
    if isinstance(value, list):
        return "".join(f"\n  - {_shown(item)}" for item in value)
    if isinstance(value, dict):
        return ", ".join(f"{name}: {item}" for name, item in value.items())
    return str(value)
