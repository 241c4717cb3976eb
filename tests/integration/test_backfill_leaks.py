"""The canary hunt where recordings are opened a second time: backfill from the archive.

One original's extraction raises an error that carries the recording; logs are at level DEBUG. What
is searched, and for what, is as in `test_leaks`.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pytest

from tests.integration.hunter import Hunter
from tests.integration.prefect_server import FlowProcess, FlowRun, PrefectServer, run_ingest
from tests.integration.sandbox import Sandbox
from unvoiced.reader import feature_names

pytestmark = [pytest.mark.server, pytest.mark.slow]
DEBUG = {"PREFECT_LOGGING_LEVEL": "DEBUG"}


@dataclass(frozen=True)
class Backfilled:
    """What happened in the sandbox."""

    sandbox: Sandbox
    server: PrefectServer
    run: FlowRun


@pytest.fixture(scope="module")
def backfilled(
    server: PrefectServer, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Backfilled]:
    """Three recordings archived, then a second feature set made of them, but for one that fails."""
    noise = np.random.default_rng(1).integers(-2000, 2000, 16_000).astype(np.int16)
    sandbox = Sandbox(tmp_path_factory.mktemp("backfill-sandbox"), noise)
    sandbox.create()
    kinds = ("raising", "whole", "other")
    with pytest.MonkeyPatch.context() as patch:
        for name, value in sandbox.variables.items():
            patch.setenv(name, value)
        sandbox.record(1, iter([(kind, "wav", sandbox.audio("WAV")) for kind in kinds]))
        sandbox.record(2, iter([("second", "flac", sandbox.audio("FLAC"))]))
        sandbox.sabotage({})
        ingest = run_ingest(server, sandbox.config, sandbox.home, **DEBUG, **sandbox.variables)
        assert ingest.state == ("COMPLETED", "Completed"), ingest.output
        what = json.dumps({"feature_set": "mfcc-13", "dry_run": False})
        run = FlowProcess(
            server,
            sandbox.config,
            sandbox.home,
            ("flows.backfill", what),
            **DEBUG,
            **sandbox.variables,
            **sandbox.sabotage({"raising": "ValueError"}),
        ).finish()
        yield Backfilled(sandbox, server, run)


def test_the_extraction_failed_as_planned_and_the_rest_was_made(backfilled: Backfilled) -> None:
    """The hunt is worth something only then."""
    assert backfilled.run.state == ("COMPLETED", "CompletedWithSkips"), backfilled.run.output
    training = backfilled.sandbox.settings.store("training")
    assert len(list(feature_names(training, "mfcc-13"))) == 3
    assert len(list(feature_names(training, "speech-16k"))) == 4


@pytest.mark.inv("INV-1", "INV-11")
def test_backfill_leaves_nothing_of_a_recording_a_person_or_a_key(backfilled: Backfilled) -> None:
    """Not in stores, logs, caches or Prefect's home, nor with the Prefect server."""
    sandbox = backfilled.sandbox
    hunter = Hunter(sandbox.needles())
    found = hunter.in_tree(sandbox.folder)
    assert {find.what for find in found} >= {"samples", "file name", "passphrase"}  # it does look
    assert {one for one in found if not sandbox.is_allowed(one.place, one.what)} == set()
    assert hunter.in_tree(backfilled.server.home) == set()
