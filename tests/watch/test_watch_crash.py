"""A run that dies at any change to any store: the next one loses no alert."""

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from tests.ingest.dying import dies, dying
from tests.watch.lookout import ANNA as REQUESTER
from tests.watch.lookout import ELSEWHERE, START, Lookout, feature, get_event
from unvoiced.watch.alert import Alert, Kind
from unvoiced.watch.event import Origin

ENOUGH = 200
WANTED = {Kind.UNRECORDED, Kind.VOLUME}
PARTS = 4


@pytest.mark.inv("INV-7")
@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("part", range(PARTS))
def test_no_alert_is_lost_wherever_a_run_dies(tmp_path: Path, part: int, after: bool) -> None:
    """After each death the next run tells what is left; together they told of everything.

    The one after that is quiet, and finds the log and the trail whole.
    """
    for nth in range(part, ENOUGH, PARTS):
        home = _theft(tmp_path / str(nth))
        told: list[Alert] = []
        dead = replace(home, home=dying(home.home, nth, after=after))
        died = dies(lambda: _whole_run(dead, told))  # noqa: B023
        home.at(minutes=20)
        _whole_run(home, told)
        assert {alert.kind for alert in told} >= WANTED, nth
        home.at(minutes=25)
        again: list[Alert] = []
        assert home.look().alerts == (), nth
        again += home.told()
        assert again == [], nth
        home.home.settings.log_reader().checkpoint()
        if not died:
            assert nth > 15
            return
    pytest.fail("it never got through")


def _theft(folder: Path) -> Lookout:
    """Bulk reads that are recorded, and others that are not."""
    home = Lookout.create(folder, Origin.CLOUDTRAIL, objects_per_window=200)
    home.record(range(300), START)
    numbers = range(280, 320)
    events = [get_event(feature(one), START, REQUESTER, ELSEWHERE) for one in numbers]
    home.deliver(events, START + timedelta(minutes=6))
    home.at(minutes=15)
    return home


def _whole_run(home: Lookout, told: list[Alert]) -> None:
    watcher = home.watcher()
    home.look(watcher)
    # Told before it is remembered that they were: so `told` has what a topic would have got.
    told += home.untold(watcher)
    home.told(watcher)
