"""What a certificate says, in sentences. Pure; every sentence about what happened names its entry.

None of this is part of the file: it is said anew, from what was proven, whenever one is shown.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from unvoiced.certificates.document import Certificate
from unvoiced.certificates.evidence import Entry, accounts_of
from unvoiced.certificates.fields import as_text
from unvoiced.certificates.kept import Kept, What
from unvoiced.certificates.subject import INTENDED, Kind
from unvoiced.log.leaves import FOUND_MISSING
from unvoiced.sealing import Json

_WHAT = {
    Kind.SAMPLE: "one sealed recording",
    Kind.EPOCH: "everything sealed to one intake key",
    Kind.CONTRIBUTOR: "all that was kept of one contributor",
    Kind.ARCHIVED: "one archived original",
}
_OTHER_KEYS = (
    "Features made of the recordings, and archived originals, are sealed to other keys. This "
    "certificate says nothing about them."
)
_LOG_STAYS = (
    "The log, for ever, and the audit trail: they keep digests, times and counts, no names."
)
_NAMED_BY = {
    Kind.SAMPLE: "SHA-256 of the sealed recording",
    Kind.EPOCH: "Intake epoch",
    Kind.CONTRIBUTOR: "SHA-256 of the erasure's body",
    Kind.ARCHIVED: "SHA-256 of the archived object",
}


@dataclass(frozen=True)
class Finding:
    """A sentence, and the entries of the log that it rests on."""

    text: str
    entries: tuple[int, ...]


@dataclass(frozen=True)
class Section:
    """What is said under one heading."""

    heading: str
    said: tuple[str, ...]


def title(certificate: Certificate) -> str:
    """What was destroyed, in a few words."""
    return _WHAT[certificate.subject.kind]


def named_by(certificate: Certificate) -> str:
    """What the subject's name is."""
    return _NAMED_BY[certificate.subject.kind]


def findings(certificate: Certificate) -> list[Finding]:
    """What the log says happened, in its order."""
    match certificate.subject.kind:
        case Kind.EPOCH:
            return _of_epoch(certificate.entries)
        case Kind.CONTRIBUTOR:
            return _of_contributor(certificate)
        case Kind.ARCHIVED:
            return _archived_destroyed(certificate.entries)
        case Kind.SAMPLE:
            return _of_sample(certificate)


def still_there(certificate: Certificate) -> list[Finding]:
    """What these entries say was made or kept, and do not say is gone."""
    match certificate.subject.kind:
        case Kind.EPOCH:
            return [Finding(_OTHER_KEYS, ())]
        case Kind.CONTRIBUTOR:
            return [Finding(_LOG_STAYS, ())]
    said = [_kept(one, certificate) for one in certificate.kept if one.what is not What.FEATURES]
    features = [one for one in certificate.kept if one.what is What.FEATURES]
    if not features:
        return [*said, Finding("No features of it, by what these entries say.", ())]
    text = (
        f"Features that were made of it, sealed: {', '.join(one.name for one in features)}. They "
        "are biometric data under a pseudonym, and not anonymous. Nothing here says that they were "
        "destroyed."
    )
    return [*said, Finding(text, tuple(dict.fromkeys(one.entry.index for one in features)))]


def limits(certificate: Certificate) -> list[str]:
    """What is not proven, whatever the operator checked."""
    size, kind = certificate.checkpoint.size, certificate.subject.kind
    said = [
        "That it happened. Proven is that the operator's log says so, for ever and to everyone "
        "alike. That nothing was left is the operator's own observation.",
        f"What the log says after its first {size:,} entries, and elsewhere in them: an entry "
        "about the same that was left out, as that it was accepted again, shows with the log at "
        "hand (unvoiced verify --log).",
        "What the issuer states of themselves: organization, person, title and time of issue.",
    ]
    methods = {entry.says("sanitization_method") for entry in certificate.destroying}
    if any(method.startswith("logical deletion") for method in methods):
        said.append(
            "Clear, Purge or Destroy in the sense of NIST SP 800-88: a logical deletion through a "
            "store's interface is none of them."
        )
    if kind is Kind.EPOCH:
        said.append(
            "That no copy of the private key is left. Cryptographic erasure holds for every copy "
            "of what was sealed to the key, and only if it reached every copy of the key."
        )
    if kind is Kind.CONTRIBUTOR:
        said += [
            "That the pseudonym is a certain person's: only whoever invited them can say so.",
            "That a copy of a recording of theirs, taken before it was destroyed, cannot be "
            "opened: the certificate of the epoch it was sealed in shows when that ended.",
        ]
    return said


def pending(certificate: Certificate) -> list[str]:
    """What was not destroyed yet when the certificate of an erasure was written."""
    waiting = (certificate.subject.body or {}).get("pending")
    return [str(one) for one in waiting] if isinstance(waiting, list) else []


def proven(certificate: Certificate) -> Section:
    """What is proven, as the first of the sections."""
    return Section(
        f"Proven, by the log {certificate.checkpoint.origin} of "
        f"{certificate.checkpoint.size:,} entries",
        tuple(f"{one.text} [{_entries(one.entries)}]" for one in findings(certificate)),
    )


def sections(certificate: Certificate) -> list[Section]:
    """What is proven and what is not; none of them may be left out when a certificate is shown."""
    waiting = tuple(pending(certificate))
    return [
        proven(certificate),
        *([Section("Not done yet", waiting)] if waiting else []),
        Section("Still there", tuple(one.text for one in still_there(certificate))),
        Section("Not checked by the operator", tuple(certificate.not_checked)),
        Section("Not proven", tuple(limits(certificate))),
        Section("Stated by the issuer and not proven", (_stated(certificate),)),
    ]


def _stated(certificate: Certificate) -> str:
    issuer = certificate.issuer
    who = ", ".join(one for one in (issuer.person, issuer.title, issuer.organization) if one)
    return f"Issued on {when(issuer.issued)} by {who or 'somebody who gives no name'}."


def when(time: str) -> str:
    """A time of the log for people."""
    try:
        return f"{datetime.fromisoformat(time):%d %B %Y, %H:%M:%S} UTC"
    except ValueError:
        return time


def _of_sample(certificate: Certificate) -> list[Finding]:
    own = [one for one in certificate.entries if one.leaf.digest == certificate.subject.name]
    said = []
    for entry in own:
        match entry.leaf.kind:
            case "accepted":
                text = f"It was taken over on {_on(entry)}."
            case "quarantined":
                text = f"It was put in quarantine on {_on(entry)} ({entry.says('reason')})."
            case "released":
                text = f"It was let out of quarantine on {_on(entry)}."
            case "disposed":
                text = _disposal(entry)
            case _:
                text = f"More features were made of it ({_on(entry)})."
        said.append(Finding(text, (entry.index,)))
    return said + _archived_destroyed(certificate.entries) + _key_retired(certificate.entries)


def _disposal(entry: Entry) -> str:
    observed = entry.leaf.fields.get("observed")
    current = observed.get("current") if isinstance(observed, dict) else ""
    name = "another recording stood under its name" if current == "newer" else "its name was free"
    return (
        f"It was destroyed, and looked for on {_on(entry)}: it could not be read, it was not "
        f"listed, {name}. Cause: {entry.says('cause')}."
    )


def _archived_destroyed(entries: Sequence[Entry]) -> list[Finding]:
    kept = accounts_of(entries).archived
    return [
        Finding(
            f"The archived original {entry.leaf.digest} was destroyed, and looked for on "
            f"{_on(entry)}: no version of it was left. Cause: {entry.says('cause')}.",
            (entry.index,),
        )
        for entry in entries
        if entry.leaf.kind == "archive-destroyed" and entry.leaf.digest not in kept
    ]


def _key_retired(entries: Sequence[Entry]) -> list[Finding]:
    epochs = {one.leaf.digest: one for one in entries if one.leaf.kind == "intake-key"}
    return [
        Finding(
            "The intake key that it says it was sealed to, of the epoch "
            f"{epochs[entry.leaf.digest].says('epoch')}, {_how_gone(entry)}",
            (epochs[entry.leaf.digest].index, entry.index),
        )
        for entry in entries
        if entry.leaf.kind == "intake-key-retired"
    ]


def _how_gone(entry: Entry) -> str:
    no_copy = "no copy of the sealed recording can be opened any more, wherever it is."
    if entry.says("cause") == FOUND_MISSING:
        return f"was found missing, and not destroyed by this pipeline, on {_on(entry)}."
    if entry.says("deletion") == INTENDED:
        return f"{_was_intended(entry)} By the log, if it was carried out, {no_copy}"
    return f"was destroyed, and looked for on {_on(entry)}: by the log, {no_copy}"


def _was_intended(entry: Entry) -> str:
    return (
        f"was gone when it was looked for on {_on(entry)}, and a signed intention to destroy it "
        "stood. Nobody logged having carried that out."
    )


def _kept(one: Kept, certificate: Certificate) -> Finding:
    if one.what is What.ARCHIVED:
        copy = one.entry.leaf.fields.get("archived")
        until = str(copy.get("retain_until")) if isinstance(copy, dict) else ""
        text = f"The recording itself, in the archive, sealed to another key: {one.name}. "
        text += f"It is locked until {when(until)}."
        return Finding(text, (one.entry.index,))
    if one.what is What.LOST_KEY:
        return Finding(
            f"The intake key that it says it was sealed to, {one.name}, perhaps: it was found "
            "missing, and not destroyed by this pipeline. With it, a copy of the sealed recording "
            "that was taken before can be opened.",
            (one.entry.index,),
        )
    key = next(
        (entry for entry in certificate.entries
         if entry.leaf.kind == "intake-key" and entry.leaf.digest.startswith(one.name)), None
    )  # fmt: skip
    if one.name == "unknown":
        text = "The log does not say to which key it was sealed"
    elif key is None:
        text = f"It says it was sealed to the intake key {one.name}"
    else:
        text = f"It says it was sealed to the intake key of {key.says('epoch')}"
    return Finding(
        f"{text}, and nothing here says that this key is retired: until it is, a copy of the "
        "sealed recording that was taken before can be opened with it.",
        _indexes([one.entry, *([key] if key else [])]),
    )


def _of_epoch(entries: Sequence[Entry]) -> list[Finding]:
    said = []
    for entry in entries:
        if entry.leaf.kind == "intake-key":
            text = (
                f"The intake key of the epoch {entry.says('epoch')} was announced on {_on(entry)}; "
                f"its public half has the SHA-256 {entry.leaf.digest}."
            )
        else:
            how = (
                f"{_was_intended(entry)} By the log, if it was carried out,"
                if entry.says("deletion") == INTENDED
                else f"was destroyed, and looked for on {_on(entry)}: nothing of it was left. By "
                "the log,"
            )
            text = (
                f"Its private half {how} nobody can open anything that was sealed to it, nor a "
                f"copy of it, wherever it is. Cause: {entry.says('cause')}."
            )
            counts = entry.leaf.fields.get("recordings")
            if isinstance(counts, dict):
                text += (
                    f" Recordings said to be sealed to it: {as_text(counts.get('accepted'))} "
                    f"accepted, {as_text(counts.get('disposed'))} disposed of."
                )
        said.append(Finding(text, (entry.index,)))
    return said


def _of_contributor(certificate: Certificate) -> list[Finding]:
    body = certificate.subject.body or {}
    said = []
    for entry in certificate.entries:
        match entry.leaf.kind:
            case "contributor-key":
                text = (
                    f"A key pair was made for the contributor on {_on(entry)}; all their features "
                    f"were sealed to it. Its object has the SHA-256 {entry.leaf.digest}."
                )
            case "contributor-key-destroyed":
                text = (
                    f"The key object {entry.leaf.digest} was destroyed, and looked for on "
                    f"{_on(entry)}: no version of it was left."
                )
            case _:
                text = (
                    f"The erasure of the contributor {body.get('pseudonym')}, asked for on "
                    f"{when(str(body.get('requested')))}, was completed on "
                    f"{when(str(body.get('completed')))} and logged on {_on(entry)}. Destroyed: "
                    f"{_counts(body.get('destroyed'))}. Left: {_counts(body.get('observed'))}."
                    f"{_shards(body.get('destroyed'))}"
                )
        said.append(Finding(text, (entry.index,)))
    return said


def _counts(value: Json) -> str:
    if not isinstance(value, dict):
        return "not recorded"
    named = [f"{count} in {name}" for name, count in sorted(value.items())]
    return ", ".join(named) or "nothing"


def _shards(destroyed: Json) -> str:
    if not isinstance(destroyed, dict) or "catalog" not in destroyed:
        return ""
    return (
        " Catalog: derived shards, which may hold the rows of others alone; they are rebuilt "
        "without this contributor."
    )


def _on(entry: Entry) -> str:
    return when(entry.says("time"))


def _indexes(entries: Sequence[Entry]) -> tuple[int, ...]:
    return tuple(entry.index for entry in entries)


def _entries(indexes: Sequence[int]) -> str:
    return f"{'entry' if len(indexes) == 1 else 'entries'} {', '.join(map(str, indexes))}"
