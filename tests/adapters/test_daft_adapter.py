"""Reading through Daft: names travel, features are opened where they are used, and recorded."""

from collections import Counter
from functools import partial
from typing import Any

import daft
import numpy as np
import pytest

import unvoiced
from tests.adapters.shelves import COUNT, Library
from unvoiced.errors import InputError
from unvoiced.reader.daft import frame


def by_name(rows: Any) -> dict[str, dict[str, Any]]:
    """The rows of an executed frame."""
    found = [dict(row) for row in rows.iter_rows()]
    assert len({row["name"] for row in found}) == len(found)
    return {f"{row['pseudonym']}/{row['sample']}": row for row in found}


@pytest.mark.inv("INV-8")
def test_a_query_reads_every_sample_once(library: Library) -> None:
    """Each with its labels and arrays, and a record before; nothing is read before it runs."""
    with unvoiced.open(library.place, "training", labels=library.labels) as features:
        wanted = {f"{one.pseudonym}/{one.sample}": one for one in features}
        before = library.recorded()
        rows = frame(features, ["log_mel", "mfcc"], batch=8)
        assert library.recorded() == before
        found = by_name(rows)
    assert Counter(list(found)) == library.once
    assert library.recorded() - before == library.recorded_once
    for name, row in found.items():
        assert row["word"] == wanted[name].labels["word"]
        for array in ("log_mel", "mfcc"):
            assert np.array_equal(row[array], wanted[name][array])


def test_a_condition_on_names_is_applied_before_anything_is_read(library: Library) -> None:
    """A frame of some of a view's samples reads those alone."""
    some = sorted(library.digests)[:5]
    labels = [{"sample": name, "chosen": True} for name in some]
    with unvoiced.open(library.place, "training", labels=labels) as features:
        found = by_name(frame(features.where("chosen"), ["mfcc"]))
    assert sorted(found) == some
    assert library.recorded() == Counter(library.digests[name] for name in some)


def test_what_is_erased_meanwhile_is_null(library: Library) -> None:
    """The query goes on, and says of which samples there is nothing."""
    gone = sorted(library.digests)[::9]
    with unvoiced.open(library.place, "training") as features:
        rows = frame(features)
        for name in gone:
            library.remove(name)
        found = by_name(rows)
    assert len(found) == COUNT
    assert sorted(name for name, row in found.items() if row["log_mel"] is None) == gone


@pytest.mark.inv("INV-8")
def test_other_processes_open_features_in_sessions_of_their_own(
    library: Library, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As on other machines: what Daft pickles for them lets them read; this process reads none."""
    in_processes = partial(daft.cls, use_process=True, max_concurrency=2)
    monkeypatch.setattr(daft, "cls", in_processes)
    with unvoiced.open(library.place, "training") as features:
        assert len(by_name(frame(features, batch=4))) == COUNT
        assert features.report.records == 0
    assert library.recorded() == library.recorded_once
    assert len(library.sessions()) == 2


@pytest.mark.parametrize(
    ("arrays", "said"),
    [
        ([], "at least one"),
        ("mfcc", "a list of names"),
        (["mfcc", "pitch"], "no array 'pitch'"),
        (["mfcc_delta"], "no array 'mfcc_delta'"),
        (["log_mel"], "opened without log_mel: these features have mfcc"),
    ],
)
def test_a_frame_of_arrays_that_are_not_there_is_refused(
    library: Library, arrays: Any, said: str
) -> None:
    """When it is asked for, not when it is executed."""
    with (
        unvoiced.open(library.place, "training", arrays=["mfcc"]) as features,
        pytest.raises(InputError, match=said),
    ):
        frame(features, arrays)
