"""A contributor's key that the log calls destroyed and that stands: their recordings wait."""

from pathlib import Path

import pytest

from tests.epochs.weeks import voice
from tests.ingest.home import Home
from unvoiced.keys.contributor import key_object_name
from unvoiced.log.leaves import encode_leaf


@pytest.mark.inv("INV-4", "INV-10")
def test_a_false_leaf_about_one_contributors_key_takes_nothing_from_them(tmp_path: Path) -> None:
    """Their key stays, what they send waits with the reason, and others are ingested."""
    home = Home.create(tmp_path / "home")
    anna = home.send("anna", voice(0))
    assert home.run().disposed == 1
    name, training = key_object_name(anna.pseudonym), home.store("training")
    stored = training.get(name)
    accounts = home.settings.accounts(home.settings.vault("worker"))
    (genuine,) = home.leaves("contributor-key")
    leaf = encode_leaf("contributor-key-destroyed", genuine.digest, home.clock(), cause="x")
    assert accounts.append([leaf]) == {genuine.digest}
    accounts.remember()
    waiting = home.send("anna", voice(1))
    home.send("bruno", voice(2))

    report = home.run()

    assert report.disposed == 1
    assert training.get(name).data == stored.data
    assert f"{name} stands, and the log calls it destroyed" in report.left[waiting.name]
    assert home.status().adds_up
    training.delete(name, training.get(name).version)  # what the reason says to do
    assert home.run().disposed == 1
