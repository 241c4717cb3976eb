"""The result as a file, as words and as a page."""

import json
from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree

import pytest

from unvoiced.errors import InputError
from unvoiced.leakage.page import as_page, as_svg
from unvoiced.leakage.result import Corpus, Leakage, SetLeakage, as_json, parse, read, write
from unvoiced.leakage.words import caveats, verdict

SET = SetLeakage(
    "mfcc-13", "ab" * 32, 4.8, "GMM-UBM", ((1.0, 19.4), (4.0, 4.8)), 7.7, 0.46, 61.1, (1.8, 6.9), 97
)
FOUND = Leakage(
    measured="2026-11-23",
    corpus=Corpus(152, 1005, "words", attacked=18, one_recording=3, trial_seconds=4.0),
    chance=50.0,
    attacker_too_weak=False,
    raw_eer=2.8,
    sets=(SET, replace(SET, feature_set="derivatives", eer=31.0, outside_eer=None,
                       reconstruction_cosine=None, reconstruction_rank1=None)),
    not_measured=("everything else",),
    raw_interval=(1.2, 6.9),
    raw_eer_by_seconds=((1.0, 15.0), (4.0, 2.8)),
)  # fmt: skip


def test_what_is_written_is_read(tmp_path: Path) -> None:
    """And never over another."""
    write(tmp_path / "leakage.json", FOUND)
    assert read(tmp_path / "leakage.json") == FOUND
    with pytest.raises(InputError, match="not overwritten"):
        write(tmp_path / "leakage.json", FOUND)


@pytest.mark.parametrize(
    "change",
    [
        {"format": "unvoiced-leakage/2"},
        {"raw_eer": 101},
        {"raw_eer": "2.8"},
        {"raw_eer": float("nan")},
        {"attacker_too_weak": 0},
        {"surplus": 1},
        {"corpus": {"speakers": -1, "recordings": 0, "kind": ""}},
        {"sets": [{"feature_set": "x"}]},
        {"not_measured": [1]},
    ],
    ids=lambda change: next(iter(change)),
)
def test_anything_else_is_refused(change: dict[str, object]) -> None:
    """A report must not show nonsense as if it had been measured."""
    record = json.loads(as_json(FOUND)) | change
    with pytest.raises(InputError, match="not a measuring of leakage"):
        parse(json.dumps(record))


def test_few_speakers_and_single_recordings_are_said() -> None:
    """With how wide the interval is; with enough speakers, neither is."""
    said = " ".join(caveats(FOUND))
    assert (
        "Only 18 speakers were attacked: intervals are wide (for raw recordings 1.2 to 6.9" in said
    )
    assert "Of 3 of the 18 attacked there was one recording" in said
    enough = " ".join(caveats(replace(FOUND, corpus=Corpus(99, 99, "", 30, 0, 4.0))))
    assert "Only" not in enough
    assert "one recording" not in enough
    assert "lower bound" in enough


def test_a_weak_attacker_is_the_first_thing_said() -> None:
    """And no range of figures is."""
    weak = replace(FOUND, attacker_too_weak=True, raw_eer=44.0)
    assert "prove nothing" in verdict(weak)
    assert "At least this much leaks" not in as_page(weak)
    assert 'class="weak"' in as_page(weak)


def test_the_page_is_whole_and_loads_nothing() -> None:
    """Every figure stands in it, what is shown of the file is escaped, the picture is sound."""
    page = as_page(replace(FOUND, corpus=replace(FOUND.corpus, kind="<script>")))
    assert "<script" not in page
    assert "src=" not in page
    assert "http" not in page.replace("http://www.w3.org/2000/svg", "")
    assert "prefers-color-scheme:dark" in page
    for figure in ("2.8 %", "4.8 %", "19.4 %", "7.7 %", "0.46", "61.1 %", "31.0 %"):
        assert figure in page
    bars = ElementTree.fromstring(as_svg(FOUND)).findall("{http://www.w3.org/2000/svg}rect")  # noqa: S314 - ours
    widths = [float(bar.attrib["width"]) for bar in bars]
    assert widths[0] < widths[1] < widths[2]
