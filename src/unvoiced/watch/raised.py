"""Alerts as they are kept: put once, told at least once.

    watch/alerts/{name}.json     what was raised, by whichever run was first
    watch/told/{name}.json       somebody was told

An alert counts as told only when its second object stands. So a run that dies in between leaves it
to the next one, which may tell it again; it is never lost. The name is a digest of the alert's
identity under a key that the watch remembers: who may list the store, and may not read it, does not
learn by it whether there is an alert about them.
"""

import hashlib
import json
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import asdict, dataclass
from datetime import datetime

from unvoiced.errors import AlreadyExists, NotFound, VerificationError
from unvoiced.stores import Store
from unvoiced.watch.alert import Alert, Kind, Level
from unvoiced.watch.state import Accepted

FORMAT = "unvoiced-alert/1"
ALERTS, TOLD = "watch/alerts/", "watch/told/"
_AT_ONCE = 8  # requests


@dataclass(frozen=True)
class Raised:
    """An alert as it is kept."""

    alert: Alert
    time: datetime  # when it was raised, by the store's clock
    told: bool
    accepted: Accepted | None  # by whom; None while it stands


def encode_alert(alert: Alert) -> bytes:
    """Its bytes: JSON."""
    fields = asdict(alert) | {
        "format": FORMAT,
        "start": alert.start.isoformat(),
        "end": alert.end.isoformat(),
    }
    return json.dumps(fields, sort_keys=True, default=float).encode() + b"\n"


def parse_alert(data: bytes) -> Alert:
    """Raises `VerificationError` for what is none."""
    try:
        fields = json.loads(data)
        if fields.pop("format") != FORMAT:
            raise ValueError
        numbers = {name: float(number) for name, number in fields["numbers"].items()}
        alert = Alert(
            **fields
            | {
                "kind": Kind(fields["kind"]),
                "level": Level(fields["level"]),
                "start": datetime.fromisoformat(fields["start"]),
                "end": datetime.fromisoformat(fields["end"]),
                "numbers": numbers,
            }
        )
        # Whoever may write there may have made it up: it is not to stop who shows it.
        " ".join((alert.requester, alert.source, alert.line, *numbers)).encode()
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError, OverflowError):
        raise VerificationError(f"no alert of the watch ({FORMAT})") from None
    return alert


def name_of(alert: Alert, key: bytes, end: str = "") -> str:
    """Where it stands; `end` sets one that grew apart."""
    digest = hashlib.blake2b(alert.identity.encode(), digest_size=16, key=key, person=b"alert")
    return f"{ALERTS}{digest.hexdigest()}{end}.json"


def raise_alerts(audit: Store, alerts: Iterable[tuple[Alert, str]], key: bytes) -> list[str]:
    """Put those that do not stand yet, each with the end of its name; returns their names.

    Raises `StoreError`.
    """
    new = []
    for alert, end in alerts:
        name = name_of(alert, key, end)
        with suppress(AlreadyExists):
            audit.put_if_absent(name, encode_alert(alert))
            new.append(name)
    return new


def untold(audit: Store) -> dict[str, Alert]:
    """What stands and nobody was told of, by name. Raises `StoreError`."""
    told = {entry.name.removeprefix(TOLD) for entry in audit.list(TOLD)}
    names = [
        entry.name for entry in audit.list(ALERTS) if entry.name.removeprefix(ALERTS) not in told
    ]
    return {name: alert for name in names if (alert := _standing(audit, name)) is not None}


def kept(audit: Store, since: datetime, accepted: Iterable[Accepted]) -> list[Raised]:
    """What was raised from then on, newest first. Raises `StoreError`."""
    told = {entry.name.removeprefix(TOLD) for entry in audit.list(TOLD)}
    entries = [entry for entry in audit.list(ALERTS) if entry.modified >= since]
    entries.sort(key=lambda entry: entry.modified, reverse=True)
    words = list(accepted)
    with ThreadPoolExecutor(_AT_ONCE, "alert") as pool:
        alerts = list(pool.map(lambda entry: _standing(audit, entry.name), entries))
    return [
        Raised(
            alert,
            entry.modified,
            entry.name.removeprefix(ALERTS) in told,
            next((word for word in words if word.is_about(alert, entry.modified)), None),
        )
        for entry, alert in zip(entries, alerts, strict=True)
        if alert is not None
    ]


def mark_told(audit: Store, names: Iterable[str]) -> None:
    """Remember that somebody was told. Raises `StoreError`."""
    for name in names:
        with suppress(AlreadyExists):
            audit.put_if_absent(f"{TOLD}{name.removeprefix(ALERTS)}", b"{}\n")


def _standing(audit: Store, name: str) -> Alert | None:
    try:
        return parse_alert(audit.get(name).data)
    except (NotFound, VerificationError):
        return None
