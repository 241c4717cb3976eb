"""The catalog of real speech: every sample once, and lengths that add up."""

import io
import os
from pathlib import Path

import duckdb
import pytest
import soundfile

from deployments.demo.corpus import synthesise
from tests.ingest.home import Home
from unvoiced import catalog
from unvoiced.catalog.build import CatalogBuilder, build_all
from unvoiced.ingest.worker import WorkerPool

SPEECH = Path(
    os.environ.get("UNVOICED_SPEECH", Path(__file__).parents[2].parent / "shared" / "speech")
)
EACH = 4  # recordings of each speaker


@pytest.mark.slow
def test_the_catalog_lists_all_of_it(tmp_path: Path) -> None:
    """Against the recordings themselves: counts by speaker, hours, sample rates."""
    speech = SPEECH
    if not speech.is_dir():
        speech = tmp_path / "synthesised"
        synthesise(speech, speakers=8, recordings=18)
    home = Home.create(tmp_path / "home")
    seconds: dict[str, float] = {}
    counts: dict[str, int] = {}
    for speaker in sorted(path for path in speech.iterdir() if path.is_dir()):
        for data in sorted({one.read_bytes() for one in sorted(speaker.glob("*.flac"))[:EACH]}):
            sent = home.send(speaker.name, data)
            seconds[sent.feature_name] = soundfile.info(io.BytesIO(data)).duration
            counts[sent.pseudonym] = counts.get(sent.pseudonym, 0) + 1
    with WorkerPool(home.settings.path, "corpus") as workers:
        for batch in workers.plan().batches:
            assert not workers.ingest(batch).left
    (report,) = build_all(CatalogBuilder.of(home.settings))
    (again,) = build_all(CatalogBuilder.of(home.settings))

    assert (report.rows, report.left_out, again.shards_put) == (len(seconds), {}, 0)
    assert report.seconds == pytest.approx(sum(seconds.values()), rel=1e-3)
    listed = catalog.read(home.settings.folder)
    lengths = zip(listed["name"].to_pylist(), listed["duration_seconds"].to_pylist(), strict=True)
    assert dict(lengths) == pytest.approx(seconds, abs=0.01)
    by_speaker = duckdb.sql("select pseudonym, count(*) from listed group by 1")
    assert dict(by_speaker.fetchall()) == counts
    assert set(listed["log_mel_rows"].to_pylist()) == {80}
