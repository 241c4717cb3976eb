"""Several feature sets at once, or one after the other: each sample has at most one of each."""

import pytest

from tests.ingest.home import Home, expected, same
from unvoiced.ingest.recording import raw_context
from unvoiced.sealing import parse_header, seal

SETS = ("speech-16k", "mfcc-13")


@pytest.mark.inv("INV-6")
def test_a_recording_becomes_one_object_of_each_feature_set(
    home: Home, voices: list[bytes]
) -> None:
    """One receipt names them all; each is what its set gives."""
    home = home.with_sets(*SETS)
    sent = home.send("anna", voices[0])
    assert home.run().disposed == 1
    features = home.features()
    assert features.keys() == {sent.feature_name_in(name) for name in SETS}
    for name in SETS:
        assert same(features[sent.feature_name_in(name)], expected(sent.data, name))
    assert len(home.leaves("disposed")[0].fields["features"]) == len(SETS)


@pytest.mark.inv("INV-3")
def test_features_of_another_set_are_not_taken_for_this_ones(
    home: Home, voices: list[bytes]
) -> None:
    """A genuine object of the same recording, copied from one set's folder to another's."""
    narrow, wide = home.with_sets("mfcc-13"), home.with_sets("speech-16k")
    first = narrow.send("anna", voices[0])
    narrow.run()
    training = home.store("training")
    copied = training.get(first.feature_name_in("mfcc-13")).data
    training.put_if_absent(first.feature_name, copied)
    wide.send("anna", voices[0])
    assert wide.run().disposed == 1
    features = home.features()
    assert same(features[first.feature_name], expected(first.data))
    logged = wide.leaves("disposed")[-1].fields["features"][0]["feature_set"]
    held = parse_header(training.get(first.feature_name).data).context["feature_set"]
    assert held == logged


@pytest.mark.inv("INV-6")
def test_a_name_taken_in_one_set_moves_the_recording_apart_in_all(
    home: Home, voices: list[bytes]
) -> None:
    """No sample is made of two recordings: one set's features from this, another's from that."""
    first = home.with_sets("mfcc-13").send("anna", voices[0])
    home.with_sets("mfcc-13").run()
    sealed = seal(voices[1], home.intake().public, raw_context(first.pseudonym, first.sample))
    home.put(first.name, sealed, voices[1])
    assert home.with_sets(*SETS).run().disposed == 1
    tags: dict[str, set[object]] = {}
    for entry in home.store("training").list("features/"):
        context = parse_header(home.store("training").get(entry.name).data).context
        tags.setdefault(str(context["sample"]), set()).add(context["content_tag"])
    assert all(len(recordings) == 1 for recordings in tags.values()), tags
    named = {
        features["sha256"]
        for leaf in home.leaves("disposed")
        for features in leaf.fields["features"]
    }
    assert len(named) == len(list(home.store("training").list("features/")))


@pytest.mark.inv("INV-6")
def test_a_new_feature_set_leaves_the_old_ones_objects_as_they_are(
    home: Home, voices: list[bytes]
) -> None:
    """A recording sent again after the settings changed: the new set is added beside the old."""
    narrow = home.with_sets("mfcc-13")
    sent = narrow.send("anna", voices[0])
    narrow.run()
    before = home.store("training").get(sent.feature_name_in("mfcc-13"))
    both = home.with_sets(*SETS)
    both.send("anna", voices[0])
    assert both.run().disposed == 1
    assert home.store("training").get(sent.feature_name_in("mfcc-13")) == before
    features = home.features()
    for name in SETS:
        assert same(features[sent.feature_name_in(name)], expected(sent.data, name))
