"""Two runs at once, and uploads in the middle of one: everything once, nothing collateral."""

import os
import random
import sys
import threading
import time
import traceback
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.ingest.claims import accounted_for, finished
from tests.ingest.dying import dies, dying
from tests.ingest.home import STORES, Home, Sent, digest, expected, same
from tests.ingest.hooked_store import HookedStore, once
from unvoiced.ingest.batch import ingest_batch
from unvoiced.ingest.recording import raw_context
from unvoiced.sealing import parse_header, seal

ROUNDS = 6


def stocked(home: Home, voices: list[bytes]) -> tuple[list[Sent], list[Sent]]:
    """A backlog of eight recordings of three contributors, and two that cannot be used."""
    people = ["anna", "bruno", "carla"]
    sent = [home.send(people[nth % 3], data) for nth, data in enumerate(voices[:8])]
    unusable = [home.send("anna", b"no audio"), home.put("x.txt", b"no sealed object")]
    return sent + unusable, unusable


def halting(home: Home, seed: str) -> Home:
    """The deployment as a run sees it whose calls to the stores take now longer, now shorter."""
    dice = random.Random(seed)  # noqa: S311  (pauses, nothing secret)

    def around(_: str, __: str, proceed: Callable[[], Any]) -> Any:
        if dice.random() < 0.3:
            time.sleep(dice.uniform(0, 0.008))
        return proceed()

    return home.on(**{name: HookedStore(home.store(name), around) for name in STORES})


def in_child(act: Callable[[], object]) -> int:
    """Run `act` in a forked process; its id."""
    pid = os.fork()
    if not pid:
        status = 1
        try:
            act()
            status = 0
        except BaseException:
            traceback.print_exc()
            sys.stderr.flush()
        finally:
            os._exit(status)
    return pid


@pytest.mark.inv("INV-5")
@pytest.mark.inv("INV-6")
@pytest.mark.inv("INV-7")
@pytest.mark.parametrize("nth", range(ROUNDS))
def test_two_runs_at_once_in_two_processes(
    memory_disk: Path, voices: list[bytes], nth: int
) -> None:
    """Both end well; each recording has one receipt and one feature object, and all of them open.

    Both see each contributor for the first time: whichever key came second is used by nobody.
    """
    home = Home.create(memory_disk / "home")
    sent, unusable = stocked(home, voices)
    seen = accounted_for(home, sent)
    children = [
        in_child(lambda who=who: halting(home, f"{nth} {who}").run(batch_samples=3 + who))
        for who in range(2)
    ]
    assert [os.waitpid(child, 0)[1] for child in children] == [0, 0]
    accounted_for(home, sent, seen)
    finished(home, sent, unusable)


@pytest.mark.inv("INV-5")
@pytest.mark.inv("INV-6")
@pytest.mark.parametrize("versioned", [False, True], ids=["unversioned", "versioned"])
@pytest.mark.parametrize("nth", range(4))
def test_four_runs_at_once_on_one_store(
    home: Home, voices: list[bytes], nth: int, versioned: bool
) -> None:
    """Four workers over the same listing, in threads: everything once, whoever was faster."""
    home = home.in_memory(versioned=versioned)
    sent, unusable = stocked(home, voices)
    failures: list[BaseException] = []

    def work(who: int) -> None:
        try:
            halting(home, f"{nth} {who}").run(batch_samples=2 + who)
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=work, args=(who,)) for who in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    finished(home, sent, unusable)


@pytest.mark.inv("INV-4")
@pytest.mark.inv("INV-6")
@pytest.mark.parametrize("kind", ["file", "unversioned", "versioned"])
@pytest.mark.parametrize("content", ["same", "other"])
def test_a_newer_upload_between_reading_and_deleting_stays(
    home: Home, voices: list[bytes], kind: str, content: str
) -> None:
    """What stands under the name by then is another recording: only what was read is destroyed."""
    if kind != "file":
        home = home.in_memory(versioned=kind == "versioned")
    old = home.send("anna", voices[0])
    data = voices[0] if content == "same" else voices[1]
    sealed = seal(data, home.intake().public, raw_context(old.pseudonym, old.sample))
    newer: list[Sent] = []

    def upload_again() -> None:
        raw = home.store("raw")
        version = raw.replace(old.name, sealed, version=old.version)
        stored = raw.get(old.name)
        newer.append(Sent(old.name, version, digest(stored.data), data, stored.data))

    hooked = HookedStore(home.store("raw"), once("delete", old.name, upload_again))
    report = home.on(raw=hooked).run()
    assert report.disposed == 1
    assert home.standing() == {newer[0].sha256}
    assert [leaf.fields["observed"]["current"] for leaf in home.leaves("disposed")] == ["newer"]
    accounted_for(home, [old, *newer])
    home.run()
    finished(home, [old, *newer])


@pytest.mark.inv("INV-6")
def test_another_recording_under_a_name_becomes_a_sample_of_its_own(
    home: Home, voices: list[bytes]
) -> None:
    """Different bytes under a sample id that has features already: they stand apart, both open."""
    first = home.send("anna", voices[0])
    home.run()
    before = home.store("training").get(first.feature_name).data
    sealed = seal(voices[1], home.intake().public, raw_context(first.pseudonym, first.sample))
    second = home.put(first.name, sealed, voices[1])
    assert home.run().disposed == 1
    finished(home, [first, second])
    assert home.store("training").get(first.feature_name).data == before


@pytest.mark.inv("INV-6")
def test_the_same_recording_sent_again_adopts_the_features_there_are(
    home: Home, voices: list[bytes]
) -> None:
    """A new sealing of a recording that is done: a receipt of its own, the same feature object."""
    first = home.send("anna", voices[0])
    home.run()
    before = home.store("training").get(first.feature_name)
    second = home.send("anna", voices[0])
    assert (second.name, second.sha256 != first.sha256) == (first.name, True)
    assert home.run().disposed == 1
    finished(home, [first, second])
    assert home.store("training").get(first.feature_name) == before
    receipts = home.leaves("disposed")
    assert receipts[0].fields["features"] == receipts[1].fields["features"]


@pytest.mark.inv("INV-5")
def test_a_restored_backup_is_disposed_of_once_more(home: Home, voices: list[bytes]) -> None:
    """The very same sealed object reappears: accepted again, destroyed again, and it adds up."""
    sent = home.send("anna", voices[0])
    home.run()
    home.put(sent.name, sent.sealed)
    assert home.status().not_accepted == 1
    assert home.run().disposed == 1
    status = home.status()
    assert status.adds_up
    assert (status.accepted, status.disposed, status.backlog) == (2, 2, 0)
    assert home.standing() == set()
    assert Counter(leaf.digest for leaf in home.leaves("disposed")) == {sent.sha256: 2}
    features = home.features()
    assert list(features) == [sent.feature_name]
    assert same(features[sent.feature_name], expected(sent.data))


@pytest.mark.inv("INV-5")
def test_a_slow_run_changes_nothing_after_a_fast_one(home: Home, voices: list[bytes]) -> None:
    """A worker that has read a recording, and looks up when another has done it all, only looks."""
    sent = [home.send("anna", data) for data in voices[:3]]
    hooked = HookedStore(home.store("training"), once("put_if_absent", "features/", home.run))
    slow = home.on(training=hooked)
    report = slow.run()
    assert (report.disposed, report.left) == (0, {})
    finished(home, sent)


@pytest.mark.inv("INV-5")
def test_a_recording_disposed_of_since_it_was_read_is_not_accepted_again(
    home: Home, voices: list[bytes]
) -> None:
    """A worker reads a recording, another one finishes it: one acceptance and one receipt stand."""
    sent = home.send("anna", voices[0])
    slow = home.on(raw=HookedStore(home.store("raw"), once("get", sent.name, home.run, after=True)))
    slow.run()
    finished(home, [sent])


@pytest.mark.inv("INV-5")
def test_a_worker_that_comes_second_and_dies_leaves_nothing_missing(
    home: Home, voices: list[bytes]
) -> None:
    """As before, and the slow worker is killed at each of its changes to the stores in turn."""
    for nth in range(100):
        trial = home.in_memory(versioned=False)
        sent = trial.send("anna", voices[0])
        around = once("get", sent.name, trial.run, after=True)
        slow = dying(trial, nth, after=True)
        slow = slow.on(raw=HookedStore(slow.store("raw"), around))
        died = dies(slow.run)
        accounted_for(trial, [sent])
        trial.run()
        accounted_for(trial, [sent])
        if not died:
            return
    pytest.fail("never got through")


@pytest.mark.inv("INV-6")
def test_two_first_sights_of_a_contributor_make_one_key_that_counts(
    home: Home, voices: list[bytes]
) -> None:
    """Two workers each make a key at the same moment; all features are sealed to the one placed."""
    sent = [home.send("anna", data) for data in voices[:4]]
    other = home.bench("other")
    items = home.plan(other).batches[0]
    hooked = HookedStore(
        home.store("training"),
        once("put_if_absent", "keys/", lambda: ingest_batch(other, items[:2])),
    )
    home.on(training=hooked).run()
    assert len(home.leaves("contributor-key")) == 2
    training = home.store("training")
    sealed_to = {
        parse_header(training.get(entry.name).data).key_id for entry in training.list("features/")
    }
    assert len(sealed_to) == 1
    finished(home, sent)
