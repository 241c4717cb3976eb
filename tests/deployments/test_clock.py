"""Clocks of workers against the server's: who begins nothing."""

import time
from email.utils import formatdate

import httpx
import pytest
from prefect.client.orchestration import SyncPrefectClient

from deployments.automations.files import definitions
from deployments.local.environment import HEARTBEAT_SECONDS
from flows import clock
from unvoiced.errors import InputError, StoreError


def server(ahead: float) -> SyncPrefectClient:
    """A server whose clock is so many seconds ahead of ours, as a client meets it."""

    def answer(_: httpx.Request) -> httpx.Response:
        date = formatdate(time.time() + ahead, usegmt=True)
        return httpx.Response(200, headers={"Date": date}, json=True)

    return SyncPrefectClient(
        "http://server.invalid/api", httpx_settings={"transport": httpx.MockTransport(answer)}
    )


@pytest.mark.parametrize(("ahead", "word"), [(40, "behind"), (-40, "ahead of"), (3600, "behind")])
def test_a_clock_that_is_wrong_begins_nothing(ahead: float, word: str) -> None:
    """Behind, a living run would be called dead; ahead, a dead one alive."""
    with pytest.raises(InputError, match=rf"at least \d+ s {word} the Prefect server's"):
        clock.compare(server(ahead))


@pytest.mark.parametrize("ahead", [-25, 0, 25])
def test_a_clock_that_is_about_right_is_taken(ahead: float) -> None:
    """Clocks differ, and an answer takes its time."""
    clock.compare(server(ahead))


def test_a_slow_answer_is_no_wrong_clock() -> None:
    """Only what no delay explains is held against the clock; a header that says nothing is not."""
    date = formatdate(1_000_000, usegmt=True)
    assert clock.difference(date, 999_950, 1_000_050) == 0
    assert clock.difference(date, 1_000_001.9, 1_000_050) == 0
    assert clock.difference(date, 1_000_042, 1_000_050) == 40
    assert clock.difference(date, 999_940, 999_960) == -40
    assert clock.difference("", 0, 0) == clock.difference("yesterday", 0, 0) == 0


def test_a_server_out_of_reach_is_said() -> None:
    """Nothing is begun without it either."""

    def nobody(_: httpx.Request) -> httpx.Response:
        raise httpx.ConnectError("")

    client = SyncPrefectClient(
        "http://server.invalid/api", httpx_settings={"transport": httpx.MockTransport(nobody)}
    )
    with pytest.raises(StoreError, match="does not answer: ConnectError"):
        clock.compare(client)


def test_what_is_let_through_leaves_time_for_a_lost_sign_of_life() -> None:
    """Silence counted by the server: the clock's error and two heartbeats are within it."""
    (zombies,) = [one for one in definitions() if one.name == "unvoiced: zombie runs"]
    assert zombies.trigger["within"] >= clock.MOST_SECONDS + 2 * HEARTBEAT_SECONDS
