"""A whole erasure in the middle of a run of ingest: nothing is put once it is certified."""

from contextlib import nullcontext
from functools import partial
from pathlib import Path

import pytest

from tests.erasure.house import Trace, archiving, erase, eraser, in_memory, voice
from tests.ingest.dying import Died, dies
from tests.ingest.home import Home
from tests.ingest.hooked_store import HookedStore, once
from unvoiced.erasure import Outcome, carry_out, pending, reapply
from unvoiced.errors import StoreError
from unvoiced.ingest import portion
from unvoiced.stores.interface import Store


@pytest.fixture
def home(tmp_path: Path) -> Home:
    """A deployment in memory that archives everything."""
    return archiving(in_memory(Home.create(tmp_path / "home"), versioned=True))


def finish(home: Home) -> Outcome:
    """What the next run of the erasure flow does."""
    (open_one,) = pending(eraser(home))
    return carry_out(eraser(home), open_one)


@pytest.mark.inv("INV-10")
def test_no_erasure_is_done_while_a_run_is_about_to_put(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between ingest's last look and its puts: it waits, no locked original is put, and then it is
    done with nothing left, and nothing to erase again.
    """
    sent = home.send("contributor-anna", voice(1))
    trace = Trace.of(home, "contributor-anna")
    outcomes: list[Outcome] = []
    place = portion.place

    def late(*args: object) -> object:
        outcomes.append(erase(home, sent.pseudonym))
        return place(*args)  # type: ignore[arg-type]

    monkeypatch.setattr(portion, "place", late)
    report = home.run()

    assert [one.complete for one in outcomes] == [False]
    assert report.left == {}
    assert list(home.store("archive").versions()) == []
    assert home.leaves("erased") == []
    assert finish(home).complete
    assert trace.in_stores(home) == []
    assert reapply(eraser(home)) == []
    assert home.status().adds_up


@pytest.mark.inv("INV-10")
@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
def test_no_erasure_is_done_while_a_key_is_made(home: Home, after: bool) -> None:
    """Begun as the key object is put: it is not finished before the run has let go, and then no
    key object is left, nor put.
    """
    sent = home.send("contributor-anna", voice(1))
    outcomes: list[Outcome] = []
    around = once(
        "put_if_absent",
        "keys/",
        lambda: outcomes.append(erase(home, sent.pseudonym)),
        after=after,
    )
    training: Store = HookedStore(home.store("training"), around)

    # A key that is destroyed under the run's hands fails its batch; the next run lets go of it.
    failing = pytest.raises(StoreError, match="destroyed as it was being made")
    with failing if after else nullcontext():
        home.on(training=training).run()
    assert not finish(home).complete if after else True
    home.run()

    assert [one.complete for one in outcomes] == [False]
    assert finish(home).complete
    assert not any(sent.pseudonym in one.name for one in home.store("training").versions())
    assert reapply(eraser(home)) == []


@pytest.mark.inv("INV-10")
@pytest.mark.parametrize(
    ("store", "operation", "prefix"),
    [("training", "put_if_absent", "keys/"), ("training", "put_if_absent", "features/")],
)
def test_what_a_dead_run_had_journalled_holds_an_erasure_up_until_the_next_run(
    home: Home, store: str, operation: str, prefix: str
) -> None:
    """Not for ever: what the erasure has settled, the next run of ingest lets go of."""
    sent = home.send("contributor-anna", voice(1))

    def die() -> None:
        raise Died

    hooked = HookedStore(home.store("training"), once(operation, prefix, die))
    assert dies(partial(home.on(**{store: hooked}).run))
    assert not erase(home, sent.pseudonym).complete
    assert not finish(home).complete
    assert home.run().lost == []
    assert finish(home).complete
    assert Trace.of(home, "contributor-anna").in_stores(home) == []
