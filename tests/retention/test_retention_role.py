"""Retention with the eraser's rights and no others, on a real S3 server."""

from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.access.conftest import Account, account, estate, signing_key
from tests.access.office import Office
from tests.retention.calendar_home import recording, with_retention
from unvoiced.access.roles import Role
from unvoiced.clock import utc_now
from unvoiced.disposal import LegalHold, LegalHolds
from unvoiced.eraser import open_eraser
from unvoiced.retention.keep import keep_rules
from unvoiced.sections import DisposalSettings

__all__ = ["account", "estate", "signing_key"]  # fixtures of the role table's own tests
pytestmark = [pytest.mark.server, pytest.mark.slow]


def test_an_eraser_keeps_every_rule(account: Account, tmp_path: Path) -> None:
    """What Amazon would refuse besides, by the role's policy, is nothing."""
    archives = DisposalSettings(archive=("*",))
    office = replace(Office.open(account, tmp_path / "home"), disposal=archives)
    clock: Any = utc_now  # as the server's
    admin = replace(office.administrator(), clock=clock)
    held = admin.send("bruno", recording(1))
    for n, data in enumerate((recording(2), b"no audio")):
        admin.send(f"person-{n}", data)
    admin.run()
    waits = admin.send("carla", recording(3))
    admin.store("audit").put_if_absent("reads/2026-11-23/x.json", b"{}\n")
    LegalHolds(admin.store("journal")).place(LegalHold(held.pseudonym, "x", "2026-11-23"))
    person: Any = office.hire(Role.ERASER)
    eraser = with_retention(person, archive=("*",), features_days=60, inactive_days=60,
                            purpose_satisfied="2020-01-01")  # fmt: skip

    later: Any = lambda: utc_now() + timedelta(days=1100)  # noqa: E731
    report = keep_rules(open_eraser(eraser.settings, "later", later))

    left = {name: why for one in report.rows for name, why in one.left.items()}
    assert len(left) == 1  # the archived original: the server's lock goes by its own clock
    assert "GOVERNANCE" in next(iter(left.values()))
    assert report.held > 0
    assert person.would_be_refused_at_amazon() == []
    assert {one.name for one in admin.store("raw").versions()} == set()
    features = {one.name for one in admin.store("training").versions("features/")}
    assert features == {held.feature_name}
    assert waits.sha256 in {leaf.digest for leaf in admin.leaves("disposed")}
    assert list(admin.store("audit").versions()) == []
    assert admin.status().adds_up
