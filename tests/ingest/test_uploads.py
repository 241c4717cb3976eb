"""Uploading, interrupted and repeated: one object, one receipt, one digest."""

import shutil
from pathlib import Path

import pytest

from tests.ingest.claims import finished
from tests.ingest.home import Home, Sent, digest
from tests.ingest.killing import When, killed_at
from unvoiced.errors import InputError
from unvoiced.names import sealed_name
from unvoiced.upload import Outcome, Uploader, receipts_in, recordings_under, upload_all

ENOUGH = 300


def uploader(home: Home, receipts: Path) -> Uploader:
    """Anna's, on her own machine."""
    return Uploader(home.invitation("anna"), home.store("raw"), receipts)


@pytest.fixture
def folder(tmp_path: Path, voices: list[bytes]) -> Path:
    """Three recordings in folders, a hidden file, and an empty one."""
    place = tmp_path / "recordings"
    (place / "monday").mkdir(parents=True)
    for nth, data in enumerate(voices[:3]):
        (place / "monday" / f"take {nth}.wav").write_bytes(data)
    (place / ".DS_Store").write_bytes(b"hidden")
    (place / "empty.wav").touch()
    return place


def test_an_empty_file_is_said_to_be_empty_and_not_uploaded(home: Home, tmp_path: Path) -> None:
    """There is nothing to seal; no receipt is written either."""
    file = tmp_path / "empty.wav"
    file.touch()
    assert uploader(home, tmp_path / "receipts").upload(file) is Outcome.EMPTY
    assert list(home.store("raw").list()) == []
    assert list((tmp_path / "receipts").iterdir()) == []


def test_a_folder_is_uploaded_once_however_often(home: Home, folder: Path, tmp_path: Path) -> None:
    """The second time every file is known by its receipt, and nothing is sealed anew."""
    files = recordings_under(folder)
    assert [file.name for file in files] == ["empty.wav", "take 0.wav", "take 1.wav", "take 2.wav"]
    first = upload_all(uploader(home, tmp_path / "receipts"), files, lambda *_: None)
    assert first == {Outcome.EMPTY: 1, Outcome.UPLOADED: 3}
    before = home.standing()
    again = upload_all(uploader(home, tmp_path / "receipts"), files, lambda *_: None)
    assert again == {Outcome.EMPTY: 1, Outcome.ALREADY: 3}
    assert home.standing() == before
    receipts = list(receipts_in(tmp_path / "receipts"))
    assert {receipt.sha256 for receipt in receipts} == before
    assert all(receipt.uploaded for receipt in receipts)


def test_no_name_in_the_store_tells_what_the_file_was_called(
    home: Home, folder: Path, tmp_path: Path
) -> None:
    """Object names are a pseudonym and a keyed hash; the file's name stays with its owner."""
    files = recordings_under(folder)
    upload_all(uploader(home, tmp_path / "receipts"), files, lambda *_: None)
    pseudonym = home.invitation("anna").pseudonym
    listed = [entry.name for entry in home.store("raw").list()]
    assert listed == sorted(
        sealed_name(pseudonym, receipt.sample) for receipt in receipts_in(tmp_path / "receipts")
    )
    assert not any("take" in name or "anna" in name for name in listed)


@pytest.mark.parametrize("when", ["before", "midway"])
def test_an_upload_killed_at_any_step_goes_on_with_the_same_object(
    memory_disk: Path, voices: list[bytes], when: When
) -> None:
    """Once there is a receipt its digest stands; in the end one object, which the receipt names."""
    home = Home.create(memory_disk / "home")
    file = memory_disk / "take.wav"
    file.write_bytes(voices[0])
    for nth in range(ENOUGH):
        receipts = memory_disk / f"receipts-{nth}"
        died = killed_at(nth, when, lambda: uploader(home, receipts).upload(file))  # noqa: B023
        begun = [receipt.sha256 for receipt in receipts_in(receipts)]
        outcome = uploader(home, receipts).upload(file)
        assert outcome in {Outcome.UPLOADED, Outcome.ALREADY}
        (receipt,) = receipts_in(receipts)
        assert receipt.uploaded
        assert begun in ([], [receipt.sha256])
        assert home.standing() == {receipt.sha256}
        (entry,) = home.store("raw").list()
        home.store("raw").delete(entry.name, entry.version)
        if not died:
            assert nth > 8
            return
    pytest.fail("never got through")


def test_an_upload_killed_at_any_step_leaves_no_sealed_copy_behind(
    memory_disk: Path, voices: list[bytes]
) -> None:
    """Once it is said to be uploaded, the outbox is empty: only the receipt is kept."""
    home = Home.create(memory_disk / "home")
    file = memory_disk / "take.wav"
    file.write_bytes(voices[0])
    for nth in range(ENOUGH):
        receipts = memory_disk / f"receipts-{nth}"
        died = killed_at(nth, "before", lambda: uploader(home, receipts).upload(file))  # noqa: B023
        uploader(home, receipts).upload(file)
        assert [path.suffix for path in receipts.iterdir()] == [".json"], f"killed at touch {nth}"
        (entry,) = home.store("raw").list()
        home.store("raw").delete(entry.name, entry.version)
        if not died:
            return
    pytest.fail("never got through")


def test_a_lost_answer_does_not_make_a_second_object(
    home: Home, voices: list[bytes], tmp_path: Path
) -> None:
    """The put got through and its answer did not: the retry finds its own object and says so."""
    file = tmp_path / "take.wav"
    file.write_bytes(voices[0])
    first = tmp_path / "first"
    died = False
    for nth in range(ENOUGH):
        died = killed_at(nth, "before", lambda: uploader(home, first).upload(file))
        if list(home.store("raw").list()):
            break
        shutil.rmtree(first, ignore_errors=True)
    assert died
    before = home.standing()
    assert uploader(home, first).upload(file) is Outcome.UPLOADED
    assert home.standing() == before
    (receipt,) = receipts_in(first)
    assert {receipt.sha256} == before


def test_an_upload_without_its_receipt_is_told_apart(
    home: Home, voices: list[bytes], tmp_path: Path
) -> None:
    """From a second machine: the object there is left, and no receipt claims it."""
    file = tmp_path / "take.wav"
    file.write_bytes(voices[0])
    assert uploader(home, tmp_path / "one").upload(file) is Outcome.UPLOADED
    before = home.standing()
    assert uploader(home, tmp_path / "two").upload(file) is Outcome.WITHOUT_RECEIPT
    assert home.standing() == before
    assert list((tmp_path / "two").iterdir()) == []


def test_what_was_uploaded_is_ingested(home: Home, folder: Path, tmp_path: Path) -> None:
    """From a file on the contributor's machine to features that open, with the receipt's digest."""
    upload_all(uploader(home, tmp_path / "receipts"), recordings_under(folder), lambda *_: None)
    originals = {digest(file.read_bytes()): file.read_bytes() for file in folder.rglob("*.wav")}
    files = {file.name: file.read_bytes() for file in folder.rglob("*.wav")}
    assert len(originals) == 4
    raw = home.store("raw")
    sent = []
    for receipt in receipts_in(tmp_path / "receipts"):
        stored = raw.get(sealed_name(receipt.pseudonym, receipt.sample))
        data = files[receipt.file_name]
        sent.append(Sent(stored.name, stored.version, receipt.sha256, data, stored.data))
    assert home.run().disposed == 3
    finished(home, sent)


def test_a_place_with_nothing_to_upload_is_refused(tmp_path: Path) -> None:
    """Neither file nor folder, or a folder with hidden files only."""
    with pytest.raises(InputError):
        recordings_under(tmp_path / "missing")
    (tmp_path / ".hidden").write_bytes(b"x")
    with pytest.raises(InputError):
        recordings_under(tmp_path)
