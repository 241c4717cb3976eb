"""The network to the store is cut in mid-run, for a minute: connections hang, nothing answers."""

import hashlib
import json
import time
from pathlib import Path

import pytest

from tests.features.recordings import encoded, noise
from tests.ingest.buckets import home_in_buckets
from tests.ingest.claims import accounted_for, finished
from tests.integration.operated import Operated, Worker
from tests.integration.prefect_server import until
from tests.integration.sandbox import SABOTAGE
from tests.servers.seaweed import Seaweed
from tests.servers.trouble import Trouble

pytestmark = [pytest.mark.server, pytest.mark.slow, pytest.mark.operation, pytest.mark.timeout(600)]
CUT = 60.0


@pytest.mark.inv("INV-3", "INV-5", "INV-6")
def test_a_minute_without_the_store_loses_nothing(
    s3_server: Seaweed, s3_trouble: Trouble, tmp_path: Path
) -> None:
    """The run says truly how it ended, by itself; if not all is done, the next one does it."""
    bucket = s3_server.bucket(versioned=True)
    home = home_in_buckets(tmp_path / "home", lambda name: s3_trouble.store_url(bucket, name))
    with home.settings.path.open("a") as settings:
        settings.write("batch_samples = 4\nworkers = 1\n")
    voices = [encoded(noise(8_000, seed=number)) for number in range(12)]
    sent = [home.send(f"person-{n % 3}", voice) for n, voice in enumerate(voices)]
    orders = tmp_path / "orders"
    orders.mkdir()
    opened = hashlib.sha256(sent[5].data).hexdigest()
    (orders / "orders.json").write_text(json.dumps({opened: "block"}))
    (orders / "block").touch()

    operated = Operated(tmp_path / "operated")
    operated.start()
    sabotage = {"UNVOICED_SABOTAGE": str(orders), "PYTHONPATH": str(SABOTAGE)}
    worker = None
    try:
        operated.automate()
        deployment = operated.deployment("cut")
        worker = Worker(
            operated, tmp_path / "worker", home.settings.path, "cut",
            **s3_server.environment() | sabotage,
        )  # fmt: skip
        run = operated.run(deployment)
        until((orders / "witness").exists, "a worker has a recording open", 180)

        s3_trouble.always(s3_trouble.stall)
        (orders / "block").unlink()
        time.sleep(CUT)
        assert s3_trouble.seen, "nothing asked for the store while it was away"
        assert operated.state(run) == ("RUNNING", "Running")
        s3_trouble.behave()

        kind, name = operated.until_ended(run, 240)
        print(f"\nafter a minute without the store: {kind} {name}")  # noqa: T201  # for docs
        accounted_for(home, sent)
        assert kind == "COMPLETED" or home.status().backlog
        assert operated.slots(deployment) == 0
        if kind != "COMPLETED":
            again = operated.run(deployment)
            assert operated.until_ended(again, 180)[0] == "COMPLETED", worker.output
        finished(home, sent)
    finally:
        if worker:
            worker.stop()
        operated.stop()
