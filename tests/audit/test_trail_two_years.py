"""Two simulated years of reading, tying and retention: what went by age is never missing."""

from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from random import Random

import pytest

from tests.audit.watched import Died, dying, reads
from tests.ingest.hooked_store import HookedStore
from tests.retention.calendar_home import calendar, create, eraser, on_calendar
from unvoiced.audit import AuditTrail, Purpose
from unvoiced.audit.page import is_over
from unvoiced.audit.pages import tie
from unvoiced.audit.report import TrailReport
from unvoiced.audit.verify import verify_trail
from unvoiced.log.leaves import parse_leaf
from unvoiced.retention.keep import keep_rule
from unvoiced.retention.rules import Rule

AUDIT_DAYS = 60
YEARS = 730


@pytest.mark.inv("INV-12")
@pytest.mark.parametrize(
    "step", [15, pytest.param(1, marks=pytest.mark.slow)], ids=lambda step: f"step{step}"
)
def test_what_retention_destroyed_is_never_missing(tmp_path: Path, step: int) -> None:
    """Days without reads, clocks that are wrong, watches that die, retention that comes late."""
    home = on_calendar(create(tmp_path / "home"), versioned=True, audit_days=AUDIT_DAYS)
    audit, now, random = home.store("audit"), calendar(home), Random(step)  # noqa: S311 - no secret
    who, days = eraser(home), home.settings.retention.audit_days
    long = AuditTrail(audit, "long", now)
    swept = 0
    for day in range(0, YEARS, step):
        skew = timedelta(hours=random.choice((0, 0, 0, -30, -2, 3, 20)))
        short = AuditTrail(audit, "short", lambda skew=skew: now() + skew)  # type: ignore[misc]  # bound now
        for hour in sorted(random.sample(range(24), 3)):
            now.on(days=day, hours=hour + random.random())
            for trail in random.sample((long, short), random.randint(0, 2)):
                trail.record(reads(1), Purpose.TRAINING)
            if random.random() < 0.05:
                around = dying(random.randint(0, 3), after=random.random() < 0.5)
                with suppress(Died):
                    tie(HookedStore(audit, around), who.accounts, now)
            tied = tie(audit, who.accounts, now)
            assert (tied.foreign, tied.vanished) == ([], [])
            assert all(is_over(one.put, days, now()) for one in tied.missing)
        if random.random() < 0.8:
            (row,) = keep_rule(who, Rule.AUDIT)
            assert not row.left
            swept += row.destroyed
        if step > 1 or day % 7 == 0:
            report = verify_trail(audit, home.settings.log_reader(), audit_days=days, now=now())
            assert_nothing_wrong(report)
    assert swept > 1000 / step
    leaves = [parse_leaf(data) for data in home.settings.log_reader().entries()]
    of_sweeps = [leaf.fields for leaf in leaves if leaf.kind == "swept"]
    assert all(said["records"] + said["pages"] == said["objects"] for said in of_sweeps)  # type: ignore[operator]  # numbers


def assert_nothing_wrong(report: TrailReport) -> None:
    """All of it stands, or went by age and was logged."""
    assert (report.damage, report.gaps, report.planted, report.unlogged) == ([], [], [], [])
    assert report.unaccounted == 0
    assert report.untied == 0
