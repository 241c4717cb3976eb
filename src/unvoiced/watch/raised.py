"""Alerts as they are kept: put once, told at least once.

    watch/alerts/{identity}.json     what was raised, by whichever run was first
    watch/told/{identity}.json       somebody was told

An alert counts as told only when its second object stands. So a run that dies in between leaves it
to the next one, which may tell it again; it is never lost. What has the identity of an alert that
stands is not told anew, unless it is ten times as large.
"""

import json
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import asdict
from datetime import datetime
from math import floor, log10

from unvoiced.errors import AlreadyExists, VerificationError
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


def raise_alerts(audit: Store, alerts: Iterable[Alert]) -> list[str]:
    """Put those that do not stand yet; returns their names. Raises `StoreError`."""
    new = []
    for alert in alerts:
        name = f"{ALERTS}{alert.identity}.json"
        if audit.head(name) is not None:
            suffix = _grown(_standing(audit, name), alert)
            if not suffix:
                continue
            name = f"{ALERTS}{alert.identity}{suffix}.json"
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
    except VerificationError:
        return None


def _grown(first: Alert | None, again: Alert) -> str:
    """What sets the name of a larger one apart; "" where it is not."""
    if first is None:
        return "-again"
    factors = [
        again.numbers[what] / count
        for what, count in first.numbers.items()
        if count > 0 and again.numbers.get(what, 0) > 0
    ]
    decades = max(0, floor(log10(max(factors, default=1))))
    return f"-{10**decades}-fold" if decades else ""
