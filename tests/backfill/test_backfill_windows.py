"""A backfill planned in windows: whatever their size, the plan is the same."""

from pathlib import Path

import pytest

from tests.backfill.archived import archived, backfill, plan
from tests.ingest.home import Home
from unvoiced.backfill import plan as planning
from unvoiced.backfill.request import Selection


@pytest.mark.parametrize("window", [1, 2, 3, 100])
def test_what_stands_is_found_in_windows_of_any_size(
    tmp_path: Path, voices: list[bytes], monkeypatch: pytest.MonkeyPatch, window: int
) -> None:
    """Features that stand count as such in whichever window their original is, and no others."""
    home = Home.create(tmp_path / "home").in_memory(versioned=True)
    home, sent = archived(home, voices, "anna", "bruno", "anna", "carla", "bruno")
    some = sorted({one.pseudonym for one in sent})[1:]
    backfill(home, Selection(contributors=(some[0],)))
    # An object that comes before all of them, and one between.
    training = home.store("training")
    folder = next(iter(training.folders("features/")))
    training.put_if_absent(f"features/{folder}/{'2' * 26}/s.unv", b"somebody's")
    monkeypatch.setattr(planning, "_WINDOW", window)

    found = plan(home)

    ours = sorted(one.name for one in sent if one.pseudonym != some[0])
    assert sorted(one.name for one in found.todo) == ours
    assert (found.selected, found.already) == (len(sent), len(sent) - len(ours))
    assert plan(home, Selection(contributors=tuple(some))).already == found.already
