"""SIGKILL at every call that changes the disk while an original is archived into a folder."""

from pathlib import Path

import pytest

from tests.ingest.claims import accounted_for, finished, leaves_no_temporary_files
from tests.ingest.home import Home
from tests.ingest.killing import When, killed_at
from unvoiced.stores.file import FileStore

pytestmark = pytest.mark.slow
ENOUGH = 2000


@pytest.mark.inv("INV-3")
@pytest.mark.inv("INV-5")
@pytest.mark.parametrize("when", ["before", "midway"])
def test_a_kill_at_any_step_of_archiving_loses_nothing(
    memory_disk: Path, tmp_path: Path, voices: list[bytes], when: When
) -> None:
    """After each kill all is accounted for; the next run leaves one copy, which opens."""
    prepared = Home.create(tmp_path / "home")
    sent = [prepared.send("anna", voices[0])]
    for nth in range(ENOUGH):
        home = Home.copy(tmp_path / "home", memory_disk / str(nth)).archiving("*")
        killed = killed_at(nth, when, home.run)
        seen = accounted_for(home, sent)
        if killed:
            home.run()
            accounted_for(home, sent, seen)
        finished(home, sent)
        assert home.archived() == [(sent[0].name, voices[0])]
        archive = home.store("archive")
        assert isinstance(archive, FileStore)
        leaves_no_temporary_files(home)
        if not killed:
            assert nth > 100
            return
    pytest.fail("never got through")
