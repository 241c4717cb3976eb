"""Runs that die between two changes to the stores, whatever kind of stores they are."""

from collections.abc import Callable
from contextlib import suppress
from itertools import count
from typing import Any

from tests.ingest.home import STORES, Home
from tests.ingest.hooked_store import CHANGES, HookedStore
from unvoiced.errors import StoreError


class Died(BaseException):
    """The process is no more; nothing of it goes on."""


def dying(home: Home, nth: int, *, after: bool) -> Home:
    """The deployment as a run sees it that dies at its nth change to any store (from 0)."""
    changes = count()

    def around(operation: str, _: str, proceed: Callable[[], Any]) -> Any:
        if operation in CHANGES and next(changes) == nth:
            if after:
                with suppress(StoreError):
                    proceed()
            raise Died
        return proceed()

    return home.on(**{name: HookedStore(home.store(name), around) for name in STORES})


def dies(run: Callable[[], object]) -> bool:
    """Whether it did."""
    try:
        run()
    except Died:
        return True
    return False
