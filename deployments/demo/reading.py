"""What the demo tells of reading: features as data scientists have them, and the trail of it."""

import shutil
from datetime import timedelta
from pathlib import Path

from rich.console import Console

import unvoiced
from unvoiced.audit.pages import tie
from unvoiced.audit.records import read_records
from unvoiced.audit.verify import verify_trail
from unvoiced.cli.display import spectrogram
from unvoiced.clock import utc_now
from unvoiced.config import Settings
from unvoiced.stores import Store, open_store


def read_features(console: Console, settings: Settings) -> None:
    """All of them, in a shuffled order, as training would; the longest is shown."""
    with unvoiced.open(settings.path, purpose="training", run="demo") as features:
        console.print(f"   {features!r}", markup=False)
        longest = max(features.shuffle(seed=7), key=lambda sample: sample.duration_seconds)
        report = features.report
    shapes = ", ".join(f"{name} {array.shape}" for name, array in longest.arrays.items())
    console.print(f"   the longest, of contributor {longest.pseudonym}: {shapes}")
    console.print(spectrogram(longest["log_mel"], width=min(console.width - 4, 76), height=10))
    console.print(f"   {report}", markup=False)


def tie_the_trail(console: Console, settings: Settings, home: Path) -> None:
    """What was recorded goes into the log by its digest; from then on nothing of it can go."""
    audit, now = settings.store("audit"), utc_now()
    found = [one.record for one in read_records(audit, now - timedelta(hours=1), now)]
    who = {f"{one.requester} for {one.purpose}" for one in found if one is not None}
    console.print(f"   on record, before anything was opened: {', '.join(sorted(who))}")
    tied = tie(audit, settings.accounts(settings.vault("worker")), utc_now)
    console.print(f"   the watch ties {tied.records} records into the log; verified against it:")
    _verify(console, settings, "the trail", audit)
    copy = home / "trail-without-a-record"
    shutil.copytree(settings.folder / "stores" / "audit", copy)
    damaged = open_store(copy.as_uri())
    gone = next(iter(damaged.list("reads/")))
    damaged.delete(gone.name, gone.version)
    _verify(console, settings, "a copy, one record removed", damaged)


def _verify(console: Console, settings: Settings, what: str, audit: Store) -> None:
    days, log = settings.retention.audit_days, settings.log_reader()
    report = verify_trail(audit, log, audit_days=days, now=utc_now())
    verdict = "[green]as it was tied"
    if not report.intact:
        verdict = f"[red]not as it was tied: {report.damage[0].what}"
    console.print(f"   {what}: {verdict}")
