"""The public retention schedule, in words that a contributor understands. Pure.

It is made from the settings, and from how many originals are archived by the log, and says nothing
that they do not: a limit that is not set is said to be none. What it is not, legal advice,
docs/retention.md says.
"""

from dataclasses import dataclass
from datetime import date

from unvoiced.config import Settings

_LOG = "a receipt of each, by digest, in the public log"
_COUNT = "an entry in the public log that counts what went"


@dataclass(frozen=True)
class Line:
    """One thing that is kept: what, how long, why, and how it ends."""

    what: str
    kept: str
    why: str
    end: str


@dataclass(frozen=True)
class Schedule:
    """The whole page: lines of the table, and paragraphs by heading."""

    title: str
    made: date
    lines: tuple[Line, ...]
    notes: tuple[tuple[str, str], ...]  # (heading, paragraph)


def make_schedule(
    settings: Settings, today: date, contact: str = "", *, originals: int = 0
) -> Schedule:
    """The schedule of a deployment; `contact` is who to ask, as they want to be named.

    `originals` is how many are archived, by the log: they are, whatever the settings say by now.
    """
    ask = " ".join(contact.split()) or "whoever gave you your invitation"
    return Schedule(
        "What is kept of your voice, and until when",
        today,
        tuple(_lines(settings, originals)),
        tuple(_notes(settings, ask, archived=bool(settings.disposal.archive or originals))),
    )


def _lines(settings: Settings, originals: int) -> list[Line]:
    kept, archive = settings.retention, settings.disposal.archive
    lines = [
        Line(
            "Your recording, sealed on your own machine",
            f"until numbers (features) have been computed from it, {_at_most(kept.raw_days)} after "
            "it arrived",
            "to compute the features",
            f"that copy is deleted and looked for; {_LOG}",
        ),
        Line(
            "A recording that could not be used (damaged, or in an unknown format)",
            f"{_days(kept.quarantine_days)} after it was set aside, still sealed",
            "so that a mistake of ours can be put right",
            f"deleted and looked for; {_LOG}",
        ),
    ]
    if archive:
        whose = "Your recording" if "*" in archive else "The recordings of some contributors"
        lines.append(
            Line(
                f"{whose}, archived: sealed to another key, which the pipeline does not hold",
                f"{_days(kept.archive_days)}, during which it is locked against deletion",
                "the operator has chosen to keep originals; ask them why",
                f"deleted once the lock has ended; {_LOG}",
            )
        )
    elif originals:
        lines.append(
            Line(
                "The recordings of some contributors, archived before: sealed to another key, "
                "which the pipeline does not hold",
                f"{_days(kept.archive_days)} after it was archived, and as long as it is locked "
                "against deletion",
                "the operator chose to keep originals then; ask them why",
                f"deleted once the lock has ended; {_LOG}",
            )
        )
    lines += [
        Line(
            "Features of your recordings, sealed. They are not anonymous: a speaker can be "
            "recognised by them",
            _or(_features_end(settings)),
            "to train models",
            f"deleted in every version; {_COUNT}",
        ),
        Line(
            "The key that opens your features",
            "as long as there are features, or recordings, of yours"
            if kept.features_days
            else _or(_everything_ends(settings)),
            "to open them for training",
            f"deleted first, in every version; {_LOG}",
        ),
        Line(
            "Who read features, when and why (no names of contributors)",
            f"{_days(kept.audit_days)}, by the day",
            "to find misuse",
            f"deleted; {_COUNT}",
        ),
        Line(
            "The public log: digests of sealed recordings, counts and times; no names, no voices",
            "for ever",
            "to prove what became of each recording",
            "never: a log that could be shortened would prove nothing",
        ),
    ]
    return lines


def _features_end(settings: Settings) -> list[str]:
    days = settings.retention.features_days
    ends = [f"{_days(days)} after they were made"] if days else []
    return [*ends, *_everything_ends(settings)]


def _everything_ends(settings: Settings) -> list[str]:
    kept = settings.retention
    ends = []
    if kept.inactive_days:
        ends.append(f"{_days(kept.inactive_days)} after your last upload")
    if kept.purpose_satisfied:
        ends.append(f"{kept.purpose_satisfied}, when the purpose is satisfied")
    return ends


def _or(ends: list[str]) -> str:
    if not ends:
        return "no limit has been set: until you ask for your erasure"
    return ends[0] if len(ends) == 1 else f"until the first of: {'; '.join(ends)}"


def _notes(settings: Settings, ask: str, *, archived: bool) -> list[tuple[str, str]]:
    kept = settings.retention
    notes = []
    if kept.inactive_days:
        notes.append(
            (
                "If we do not hear from you",
                f"{_days(kept.inactive_days)} after your last upload, everything of yours goes: "
                "your key first, then features, recordings, and archived recordings whose lock has "
                "ended. What counts is when your recordings were worked on, which may be up to "
                f"{_days(kept.raw_days + kept.quarantine_days)} after you sent them.",
            )
        )
    notes.append(
        (
            "When the purpose is satisfied",
            f"On {kept.purpose_satisfied} everything of every contributor goes: keys first, then "
            "features, recordings, and archived recordings whose lock has ended."
            if kept.purpose_satisfied
            else "No day has been set for that yet.",
        )
    )
    notes += [
        (
            "When it happens",
            "What is due goes with the first run after its day. "
            + (
                "There are two exceptions: a legal hold, which keeps what it names until it is "
                "lifted, and the lock on an archived recording, which keeps that until its day."
                if archived
                else "The exception is a legal hold, which keeps what it names until it is lifted."
            ),
        ),
        (
            "What deleting is",
            "Deleting is done through the storage service, and what was deleted is looked for "
            "afterwards. Nobody here can see whether that service still has copies, snapshots or "
            "backups, and what was computed from features elsewhere (a trained model) is not "
            "reached.",
        ),
        (
            "Ask, and check",
            f"To have everything of yours erased sooner, or for any question: {ask}. They need the "
            "pseudonym in your invitation file. "
            + (
                "An archived recording is erased when its lock has ended, and not before; nothing "
                "else waits for that. "
                if archived
                else ""
            )
            + "The receipts you got when you uploaded let you "
            "look up in the public log what became of each recording, without trusting anybody.",
        ),
    ]
    return notes


def _days(count: int) -> str:
    days = "1 day" if count == 1 else f"{count:,} days"
    return f"{days} (about {count / 365.25:.1f} years)" if count >= 400 else days


def _at_most(count: int) -> str:
    return f"at most {_days(count)}"
