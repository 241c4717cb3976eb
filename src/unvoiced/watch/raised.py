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
from contextlib import suppress
from dataclasses import asdict
from datetime import datetime

from unvoiced.errors import AlreadyExists, NotFound, VerificationError
from unvoiced.stores import Store
from unvoiced.watch.alert import Alert, Kind, Level

FORMAT = "unvoiced-alert/1"
ALERTS, TOLD = "watch/alerts/", "watch/told/"


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
        return Alert(
            **fields
            | {
                "kind": Kind(fields["kind"]),
                "level": Level(fields["level"]),
                "start": datetime.fromisoformat(fields["start"]),
                "end": datetime.fromisoformat(fields["end"]),
            }
        )
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        raise VerificationError(f"no alert of the watch ({FORMAT})") from None


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
