"""Recordings and names at the edge: accepted and said so, or refused for a reason."""

import io
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import soundfile

from tests.ingest.claims import accounted_for, finished
from tests.ingest.home import Home, expected, same
from tests.ingest.hooked_store import HookedStore
from unvoiced import names
from unvoiced.errors import InputError
from unvoiced.ingest.batch import ingest_batch
from unvoiced.ingest.outcome import BatchReport
from unvoiced.ingest.plan import make_plan
from unvoiced.keys.pseudonyms import pseudonym, sample_key
from unvoiced.sealing import parse_header

TONE = 0.3 * np.sin(2 * np.pi * 220 * np.arange(8000) / 16_000)


def encoded(
    samples: np.ndarray, rate: int = 16_000, kind: str = "WAV", subtype: str = "PCM_16"
) -> bytes:
    """Samples of shape (n,) or (n, channels) as an audio file."""
    file = io.BytesIO()
    soundfile.write(file, samples, rate, format=kind, subtype=subtype)
    return file.getvalue()


def with_one(value: float) -> bytes:
    """A WAV of floats of which one is no number."""
    samples = TONE.astype(np.float32)
    samples[4000] = value
    return encoded(samples, subtype="FLOAT")


REFUSED = {
    "no-audio": encoded(TONE[:0]),
    "truncated": encoded(TONE)[:-100],
    "damaged": encoded(TONE, kind="FLAC")[:-2000],
    "not-finite": with_one(np.nan),
    "not-audio": b"I am a text file",
}


@pytest.mark.inv("INV-5")
@pytest.mark.parametrize("reason", REFUSED)
def test_a_recording_that_cannot_become_features_is_quarantined(home: Home, reason: str) -> None:
    """Sealed it stays where it is, its reason in the log, beside one that is ingested."""
    bad, good = home.send("anna", REFUSED[reason]), home.send("anna", encoded(TONE))
    report = home.run()
    assert report.quarantined == {bad.name: reason}
    assert [leaf.fields["reason"] for leaf in home.leaves("quarantined")] == [reason]
    finished(home, [bad, good], [bad])


@pytest.mark.parametrize("value", [np.inf, -np.inf, np.nan])
def test_numbers_that_are_none_are_refused(home: Home, value: float) -> None:
    """NaN and both infinities, in a file that is sound otherwise."""
    bad = home.send("anna", with_one(value))
    assert home.run().quarantined == {bad.name: "not-finite"}


@pytest.mark.parametrize(
    ("recording", "rate", "channels"),
    [
        pytest.param(encoded(TONE[:4000], rate=8000), 8000, 1, id="8 kHz"),
        pytest.param(encoded(np.stack([TONE, TONE], axis=1)), 16_000, 2, id="stereo"),
        pytest.param(encoded(np.tile(TONE, 3), rate=48_000), 48_000, 1, id="48 kHz"),
        pytest.param(encoded(TONE[:1]), 16_000, 1, id="one sample"),
        pytest.param(encoded(np.zeros(1000)), 16_000, 1, id="silence"),
    ],
)
def test_any_rate_and_channels_are_taken_and_recorded(
    home: Home, recording: bytes, rate: int, channels: int
) -> None:
    """The feature object's header says what its source was, readable without a key."""
    sent = home.send("anna", recording)
    assert home.run().disposed == 1
    context = parse_header(home.store("training").get(sent.feature_name).data).context
    assert (context["source_sample_rate"], context["source_channels"]) == (rate, channels)
    assert same(home.features()[sent.feature_name], expected(recording))


@pytest.mark.inv("INV-5")
def test_an_oversized_object_is_reported_and_never_read(home: Home) -> None:
    """Over the limit: not in a batch, not opened, not moved; the others are ingested."""
    large = home.send("anna", encoded(np.tile(TONE, 20)))
    small = home.send("anna", encoded(TONE))
    reads: list[str] = []

    def count(operation: str, name: str, proceed: Callable[[], Any]) -> Any:
        if operation == "get":
            reads.append(name)
        return proceed()

    counted = home.on(raw=HookedStore(home.store("raw"), count))
    bench = counted.bench()
    plan = counted.plan(bench, most=len(small.sealed))
    assert (plan.oversized, plan.recordings) == ([large.name], 1)
    for batch in plan.batches:
        ingest_batch(bench, batch)
    assert set(reads) == {small.name}
    assert home.standing() == {large.sha256}
    accounted_for(home, [small])
    assert home.status().not_accepted == 1


def test_batches_are_bounded_by_count_and_by_bytes(home: Home) -> None:
    """Each within both limits, except that a recording larger than a batch has one of its own."""
    sent = [home.send("anna", encoded(np.tile(TONE, n + 1))) for n in range(6)]
    sizes = {one.name: len(one.sealed) for one in sent}
    bench = home.bench()
    plan = make_plan(bench, batch_samples=3, batch_bytes=50_000, max_recording_bytes=10**6)
    assert sorted(item.name for batch in plan.batches for item in batch) == sorted(sizes)
    for batch in plan.batches:
        assert len(batch) <= 3
        assert len(batch) == 1 or sum(sizes[item.name] for item in batch) <= 50_000


def test_batch_bytes_bound_what_is_held_and_change_nothing_else(home: Home) -> None:
    """With room for less than one recording at a time, the end is the same."""
    sent = [home.send("anna", encoded(np.tile(TONE, n + 1))) for n in range(4)]
    bench = replace(home.bench(), batch_bytes=1)
    assert home.run(bench).disposed == 4
    finished(home, sent)


def test_an_empty_batch_does_nothing(home: Home) -> None:
    """Nothing is logged and nothing is counted."""
    size = home.status().log_size
    assert ingest_batch(home.bench(), []) == BatchReport()
    assert home.run() == BatchReport()
    assert home.status().log_size == size


def test_an_object_taken_back_before_it_is_read_is_gone(home: Home) -> None:
    """Its uploader deleted it after it was listed: counted as gone, and never accepted."""
    kept, taken = home.send("anna", encoded(TONE)), home.send("anna", encoded(TONE[:4000]))
    bench = home.bench()
    batch = home.plan(bench).batches[0]
    home.store("raw").delete(taken.name, taken.version)
    report = ingest_batch(bench, batch)
    assert (report.disposed, report.gone) == (1, 1)
    finished(home, [kept])


BAD_IDS = ["", "a/b", "..", "a.b", "a b", "a\n", "ä", "x" * 300, "a\u0000", "*", "${aws:userid}"]


@pytest.mark.parametrize("value", BAD_IDS)
def test_an_id_that_could_leave_its_place_is_refused_at_the_edge(value: str) -> None:
    """Contributor, sample and pseudonym alike: before anything is hashed, named or granted."""
    for use in (
        lambda: pseudonym(bytes(32), value),
        lambda: sample_key(bytes(32), value),
        lambda: names.contributor_id(value),
        lambda: names.sample_id(value),
        lambda: names.pseudonym(value),
        lambda: names.sealed_name("a" * 26, value),
        lambda: names.sealed_name(value, "sample"),
    ):
        with pytest.raises(InputError) as refusal:
            use()
        assert len(str(refusal.value)) < 250
