"""Whether this machine's clock agrees with the Prefect server's, before anything is begun by it.

A run's signs of life bear the time of the machine that it is on, and the server counts a silence by
its own clock (`deployments/automations/zombie-runs.yaml`): a run whose clock is a minute behind is
called dead while it works, and the next one begins beside it. So it does not begin at all.
"""

import os
import time
from email.utils import parsedate_to_datetime

import httpx
from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.logging import get_logger

from unvoiced.errors import InputError, StoreError, UnvoicedError

# What may be wrong at the beginning: with a sign of life every 30 s, 90 s of silence leave 30 more.
MOST_SECONDS = 30


def check() -> dict[str, str]:
    """A pull step of every deployment. Raises `InputError` where the clocks differ too much."""
    try:
        with get_client(sync_client=True) as client:
            compare(client)
    except UnvoicedError as error:
        # Of a pull step that fails, Prefect sends no word to the run's log.
        run = os.environ.get("PREFECT__FLOW_RUN_ID")
        get_logger("prefect.flow_runs").error(error.diagnostics(), extra={"flow_run_id": run})
        raise
    return {}


def compare(client: SyncPrefectClient) -> None:
    """The same, by a client that is there. Raises `InputError`, `StoreError`."""
    before = time.time()
    try:
        answer = client.request("GET", "/health")
    except httpx.TransportError as error:
        raise StoreError(f"the Prefect server does not answer: {type(error).__name__}") from None
    off = difference(answer.headers.get("Date", ""), before, time.time())
    if abs(off) > MOST_SECONDS:
        raise InputError(
            f"the clock of this machine is at least {abs(off):.0f} s"
            f" {'ahead of' if off > 0 else 'behind'} the Prefect server's; nothing was begun."
            " Keep both right (NTP): docs/automations.md"
        )


def difference(date: str, before: float, after: float) -> float:
    """How much this clock is ahead at least, in seconds; negative: behind; 0.0 where none is said.

    `date` was said between `before` and `after` of this clock, to the second, and up to one ago.
    """
    try:
        said = parsedate_to_datetime(date).timestamp()
    except ValueError:
        return 0.0
    if before > said + 2:
        return before - (said + 2)
    return min(after - said, 0.0)
