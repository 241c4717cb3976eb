"""The hunter finds what it hunts, in every form and wherever it hides: else it proves nothing."""

import base64
import gzip
import os
import pickle
import secrets
import sqlite3
import time
import zlib
from pathlib import Path

import numpy as np
import pytest

from tests.integration.canaries import Needle, fresh_cycle, of_samples, of_secret, of_text
from tests.integration.hunter import Find, Hunter, changed_since

KEY, WORD = secrets.token_bytes(96), secrets.token_hex(10)
CYCLE = fresh_cycle()
NEEDLES = [*of_samples("samples", CYCLE), *of_secret("key", KEY), *of_text("word", WORD)]
HUNTER = Hunter(NEEDLES)
RUN = np.tile(CYCLE, 40)


@pytest.mark.parametrize("needle", NEEDLES, ids=lambda needle: f"{needle.what} {needle.form}")
def test_every_form_is_found_in_the_midst_of_noise(needle: Needle, tmp_path: Path) -> None:
    """A file of random bytes with one needle in it, at an odd offset."""
    file = tmp_path / "file"
    file.write_bytes(secrets.token_bytes(1001) + needle.data + secrets.token_bytes(1001))
    assert needle.what in {find.what for find in HUNTER.in_file(file)}


def test_noise_holds_nothing() -> None:
    """A megabyte of random bytes, and as much text of them."""
    noise = secrets.token_bytes(1 << 20)
    assert HUNTER.in_bytes(noise + noise.hex().encode() + base64.b64encode(noise), "noise") == set()


@pytest.mark.parametrize("kind", ["<i2", ">i2", "<f4", ">f4", "<f8", ">f8"])
def test_any_eight_samples_are_found_wherever_they_are_cut(kind: str) -> None:
    """For 16-bit samples that is every window of 16 bytes, aligned to a sample or not."""
    scaled = RUN if kind.endswith("i2") else RUN / 32768
    data = scaled.astype(kind).tobytes()
    width = 8 * np.dtype(kind).itemsize
    for start in range(width):
        assert HUNTER.in_bytes(data[start : start + width], "a window")


def test_sixteen_bytes_are_found_in_base64_wherever_it_begins() -> None:
    """The three alignments, and every rotation of the cycle."""
    data = RUN.tobytes()
    for start in range(48):
        window = data[start : start + 16]
        assert HUNTER.in_bytes(base64.b64encode(window), "a window")
        assert HUNTER.in_bytes(base64.urlsafe_b64encode(window), "a window")


@pytest.mark.parametrize(
    "packed",
    [
        gzip.compress(RUN.tobytes()),
        b"head" + zlib.compress(repr(RUN.tobytes()).encode()),
        base64.b64encode(gzip.compress(pickle.dumps(ValueError(RUN)))),
        base64.b64encode(base64.b64encode(pickle.dumps({"key": KEY}))),
    ],
    ids=["gzip", "zlib", "pickle in gzip in base64", "pickle in base64 twice"],
)
def test_what_is_packed_is_found(packed: bytes, tmp_path: Path) -> None:
    """Results as Prefect and browsers keep them: compressed, pickled, in base64."""
    (tmp_path / "result").write_bytes(b'{"result": "' + packed + b'"}')
    assert HUNTER.in_tree(tmp_path)


def test_a_cell_of_a_database_and_a_file_name_are_found(tmp_path: Path) -> None:
    """Whatever pages SQLite cuts a cell into, and where a file is empty."""
    database = sqlite3.connect(tmp_path / "some.db")
    database.execute("CREATE TABLE log (message TEXT)")
    database.execute("INSERT INTO log VALUES (?)", ("x" * 4000 + WORD,))
    database.commit()
    database.close()
    assert any(find.place.endswith("(cells)") for find in HUNTER.in_tree(tmp_path))
    empty = tmp_path / f"empty-{WORD}"
    empty.touch()
    assert Find(str(empty), "word", "raw") in HUNTER.in_tree(tmp_path)


def test_a_file_that_hides_its_age_counts_as_changed(tmp_path: Path) -> None:
    """What was written since the stamp is listed whatever time it claims."""
    stamp, old, new = (tmp_path / name for name in ("stamp", "old", "new"))
    for file in (old, stamp, new):
        file.touch()
        time.sleep(0.02)  # the file system's clock ticks more slowly than this
    os.utime(new, (0, 0))
    found = changed_since(stamp, [tmp_path])
    assert new in found
    assert old not in found
