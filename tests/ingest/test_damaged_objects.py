"""Objects that are not what they should be: quarantined with a reason, whatever is wrong."""

import json
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.ingest.claims import accounted_for, finished
from tests.ingest.home import Home, Sent
from tests.ingest.hooked_store import HookedStore
from unvoiced.ingest.recording import QUARANTINE_REASONS, raw_context
from unvoiced.sealing import PrivateKey, seal


@pytest.fixture(scope="module")
def sink(tmp_path_factory: pytest.TempPathFactory) -> Home:
    """One deployment that all broken objects of this module are thrown at."""
    return Home.create(tmp_path_factory.mktemp("sink") / "home").in_memory(versioned=False)


@pytest.fixture(scope="module")
def whole(sink: Home, voices: list[bytes]) -> Sent:
    """A sealed recording that would open as it is; it is not in the store."""
    sent = sink.send("anna", voices[0])
    sink.store("raw").delete(sent.name, sent.version)
    return sent


def outcome(home: Home, name: str, sealed: bytes) -> str:
    """The reason a run quarantines this object for; the object is taken out again afterwards."""
    home.put(name, sealed)
    bench = home.bench()
    report = home.run(bench)
    assert report.disposed == 0
    assert report.left == {}
    assert report.quarantined.keys() == {name}
    assert home.store("raw").get(name).data == sealed
    record = next(iter(bench.quarantine.records()))
    bench.quarantine.remove(record)
    home.store("raw").delete(record.name, record.version)
    return report.quarantined[name]


@pytest.mark.inv("INV-11")
@settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(data=st.data())
def test_flipped_bits_end_in_quarantine(sink: Home, whole: Sent, data: st.DataObject) -> None:
    """Anywhere and however many: never an error, never a disposal, a reason of the closed list."""
    # Half of the flips hit the header, where most code looks.
    places = st.integers(0, 200) | st.integers(0, len(whole.sealed) - 1)
    flips = data.draw(st.lists(st.tuples(places, st.integers(1, 255)), min_size=1, max_size=4))
    damaged = bytearray(whole.sealed)
    for place, mask in flips:
        damaged[place] ^= mask
    if bytes(damaged) != whole.sealed:
        assert outcome(sink, whole.name, bytes(damaged)) in QUARANTINE_REASONS


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(data=st.data())
def test_a_truncated_or_lengthened_object_ends_in_quarantine(
    sink: Home, whole: Sent, data: st.DataObject
) -> None:
    """Cut anywhere, also to nothing, or with bytes behind its end."""
    kept = data.draw(st.integers(0, 300) | st.integers(0, len(whole.sealed)))
    more = data.draw(st.binary(max_size=20))
    damaged = whole.sealed[:kept] + more
    if damaged != whole.sealed:
        assert outcome(sink, whole.name, damaged) in {"unknown-format", "does-not-open"}


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    context=st.dictionaries(
        st.sampled_from(["purpose", "pseudonym", "sample", "x", "\ud800"]),
        st.recursive(
            st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
            lambda inner: st.lists(inner, max_size=3),
            max_leaves=5,
        ),
    )
)
def test_an_object_sealed_in_any_other_context_ends_in_quarantine(
    sink: Home, whole: Sent, context: dict[str, object]
) -> None:
    """Sealed to the right key by somebody who writes into the header what they like."""
    text = json.dumps(context, sort_keys=True, separators=(",", ":")).encode()
    header = whole.sealed[:26] + struct.pack(">H", len(text)) + text
    assert outcome(sink, whole.name, header + whole.sealed[200:]) in QUARANTINE_REASONS


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        pytest.param(lambda sealed: b"UNV2" + sealed[4:], "unknown-format", id="version"),
        pytest.param(lambda sealed: sealed[:5] + b"\xff" + sealed[6:], "unknown-format", id="kem"),
        pytest.param(lambda sealed: sealed[:-1], "does-not-open", id="cut"),
        pytest.param(lambda sealed: b"", "unknown-format", id="empty"),
        pytest.param(lambda sealed: b"gAAAA" + sealed, "fernet-not-accepted", id="fernet"),
    ],
)
def test_each_kind_of_damage_has_its_reason(
    sink: Home, whole: Sent, change: Callable[[bytes], bytes], reason: str
) -> None:
    """What the public header tells is told apart; what only opening tells is not."""
    assert outcome(sink, whole.name, change(whole.sealed)) == reason


def test_an_object_sealed_to_another_key_is_told_apart(
    sink: Home, whole: Sent, voices: list[bytes]
) -> None:
    """A retired epoch's key, or another deployment's."""
    context = raw_context(whole.pseudonym, whole.sample)
    sealed = seal(voices[0], PrivateKey.generate().public, context)
    assert outcome(sink, whole.name, sealed) == "unknown-intake-key"


@pytest.mark.parametrize(
    "purpose", ["features", "archive", "contributor-key", "", "RAW", "raw\u0000"]
)
def test_an_object_of_another_purpose_is_not_opened(
    sink: Home, whole: Sent, purpose: str, voices: list[bytes]
) -> None:
    """Sealed to the intake key, for this name, and still not a recording."""
    context = {**raw_context(whole.pseudonym, whole.sample), "purpose": purpose}
    sealed = seal(voices[0], sink.intake().public, context)
    assert outcome(sink, whole.name, sealed) == "context-mismatch"


@pytest.mark.parametrize(
    "name",
    ["x.txt", "a/b/c/d.unv", "UPPER/x.unv", "short/sample.unv", "a" * 26 + "/x.unv.bak", "x" * 200],
)
def test_an_object_with_a_foreign_name_is_quarantined(sink: Home, whole: Sent, name: str) -> None:
    """Somebody's other file in the raw store: reported, counted, left where it is."""
    assert outcome(sink, name, whole.sealed) == "name-not-recognised"


@pytest.mark.inv("INV-5")
@pytest.mark.parametrize("name", ["my voice.wav", "ä.unv", "a+b.unv", "/".join(["x" * 250] * 4)])
def test_a_file_no_store_could_have_named_stops_nothing(
    home: Home, voices: list[bytes], name: str
) -> None:
    """Put into the raw folder by hand: reported, and the recordings beside it are ingested."""
    sent = home.send("anna", voices[0])
    path = Path(home.settings.folder, "stores", "raw", name)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"no sealed object")
    assert home.plan(home.bench()).foreign == [name]
    assert home.run().disposed == 1
    assert [leaf.digest for leaf in home.leaves("disposed")] == [sent.sha256]
    assert path.read_bytes() == b"no sealed object"
    assert home.status().adds_up


def test_what_is_quarantined_is_not_read_again(home: Home) -> None:
    """The next run lists it, counts it and leaves it: not one read of the raw store."""
    bad = [home.send("anna", b"no audio"), home.put("x.txt", b"no sealed object")]
    home.run()
    reads: list[str] = []

    def count(operation: str, name: str, proceed: Callable[[], Any]) -> Any:
        if operation == "get":
            reads.append(name)
        return proceed()

    counted = home.on(raw=HookedStore(home.store("raw"), count))
    assert counted.plan(counted.bench()).quarantined == 2
    assert counted.run().quarantined == {}
    assert reads == []
    finished(home, bad, bad)
    accounted_for(home, bad)
