"""An error that nobody foresaw, raised with a recording in its hands."""

from pathlib import Path

import pytest

from tests.ingest.claims import finished
from tests.ingest.home import Home
from unvoiced.features import Extracted, FeatureSet
from unvoiced.features import extract as real_extract
from unvoiced.ingest import recording

CANARY = "canary-in-an-exception"


@pytest.mark.inv("INV-5", "INV-11")
@pytest.mark.parametrize("kind", [ValueError, MemoryError, RuntimeError, OSError, EOFError])
def test_one_recording_never_stops_its_batch(
    kind: type[Exception],
    home: Home,
    recordings: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    """Whatever extraction raises (soxr: RuntimeError), the recording is quarantined, alone.

    Without that, one contributor's recording keeps a whole batch in the backlog for ever.
    """
    sent = [
        home.send(file.parent.name, file.read_bytes()) for file in sorted(recordings.glob("*/*"))
    ]
    poison = sent[0]

    def extract(data: bytes, feature_set: FeatureSet, **options: float) -> Extracted:
        if data == poison.data:
            raise kind(CANARY)
        return real_extract(data, feature_set, **options)

    monkeypatch.setattr(recording, "extract", extract)
    report = home.run()

    assert report.quarantined == {poison.name: "extraction-failed"}
    finished(home, sent, [poison])
    assert CANARY not in "".join(capfd.readouterr())
    for file in home.settings.folder.rglob("*"):
        assert not file.is_file() or CANARY.encode() not in file.read_bytes()
