"""The sections on quarantine, on retention and erasure, on what the page does not show. Pure."""

from unvoiced.ingest.recording import QUARANTINE_REASONS
from unvoiced.ingest.status import Status
from unvoiced.report.facts import Report
from unvoiced.report.html import (
    Cell,
    Section,
    bullets,
    number,
    paragraph,
    table,
)
from unvoiced.report.story import WITH_FEATURES
from unvoiced.report.words import minute


def quarantine(report: Report) -> Section:
    """Why recordings could not become features."""
    reasons: dict[str, int] = {}
    for reason in report.story.ledger.quarantined.values():
        reasons[reason] = reasons.get(reason, 0) + 1
    if not reasons:
        body = paragraph("Nothing is in quarantine.")
    else:
        body = paragraph(
            "They stay sealed where they are until somebody acts or retention destroys them. "
            "`unvoiced quarantine ls` names them.",
            "soft",
        ) + table(
            ("reason", "recordings", "what it means, what to do"),
            [
                (reason, number(count), Cell(QUARANTINE_REASONS.get(reason, "–"), "wide"))
                for reason, count in sorted(reasons.items(), key=lambda one: (-one[1], one[0]))
            ],
        )
    return Section("quarantine", "What could not become features", "for who runs it", body)


def endings(report: Report) -> Section:
    """What retention and erasure destroyed, and what is kept on purpose."""
    story, status = report.story, report.status
    ledger = story.ledger
    others = {cause: n for cause, n in story.causes.items() if cause not in WITH_FEATURES}
    rows: list[tuple[str | Cell, ...]] = [
        (f"recordings without features: {cause}", number(n)) for cause, n in sorted(others.items())
    ]
    rows += [
        (f"{rule}, in the {store} store: objects", number(n))
        for (rule, store), n in sorted(story.swept.items())
    ]
    rows += [
        ("erasures of a contributor, finished", number(story.kinds["erased"])),
        ("contributors’ keys destroyed", number(len(ledger.destroyed_contributor_keys))),
        ("archived originals destroyed", number(story.kinds["archive-destroyed"])),
        ("archived originals that are kept", number(len(ledger.archived))),
        ("suppressions lifted: somebody may contribute again",
         number(story.kinds["suppression-lifted"])),
    ]  # fmt: skip
    if isinstance(status, Status):
        rows.append(("legal holds now", number(status.holds)))
        rows.append(("objects of the raw store under a hold", number(status.held)))
    body = paragraph("All that the log has of it, since its first entry.", "soft") + table(
        ("what ended", "how many"), rows
    )
    return Section("endings", "Retention and erasure", "for the privacy officer", body)


def limits(report: Report) -> Section:
    """What the page does not show."""
    return Section(
        "limits",
        "What this page does not show",
        "for everybody",
        bullets(
            [
                "Copies. Replicas, snapshots, backups and what somebody copied are outside of what "
                "a store tells; every receipt lists that. Until an intake key is retired, such a "
                "copy can be opened with it.",
                "Exposure that no run recorded. A run that was killed leaves no record: what it "
                "had destroyed by then is unmeasured, and said beside the times; what it had not, "
                "the next one counts from the upload on. Recordings that ended without features "
                "(erasure, retention) are in the receipts and not in the times. Times are upper "
                "bounds, by up to 19 %, of two machines’ clocks: where these differ, all times do.",
                "Features and archived originals. They are kept on purpose, and the times above "
                "say nothing of them: features are not anonymous.",
                "What was uploaded before a run saw it. The log begins when a recording is taken "
                "over; an operator who never runs ingest leaves no trace in it but the objects "
                "that stand.",
                "Reads around the reader. Its records are made by whoever reads; `unvoiced watch` "
                "compares them with the provider’s own log where there is one, and `unvoiced "
                "audit verify` says whether any is missing.",
                "Whether the account is configured as it must be (`unvoiced posture`), and who "
                "could reach what (`unvoiced review`).",
                f"Anything after {minute(report.made)} UTC. The page is not signed and proves "
                "nothing by itself: the log does.",
            ]
        ),
    )
