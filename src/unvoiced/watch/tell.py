"""Telling people of alerts: an SNS topic, where [watch] names one.

A message says what was noticed of whom, in numbers and times, and what to do; it names no object.
"""

import json
from collections.abc import Iterable, Mapping
from datetime import datetime

from unvoiced.config import Settings
from unvoiced.errors import UnvoicedError
from unvoiced.watch import raised
from unvoiced.watch.alert import Alert, Kind, Level
from unvoiced.watch.report import alert_fields
from unvoiced.watch.watcher import Watcher


def untold(watcher: Watcher) -> dict[str, Alert]:
    """The alerts that stand and nobody was told of, by the names that they stand under."""
    return raised.untold(watcher.audit)


def publish(settings: Settings, alerts: Iterable[Alert]) -> None:
    """Put a message for each to the topic, if there is one. Raises `AccessError`, `InputError`."""
    if not settings.watch.topic:
        return
    from unvoiced.aws.sns import Topic  # boto3 takes long to import

    topic = Topic(settings.watch.topic)
    for alert in alerts:
        text = json.dumps(alert_fields(alert), indent=2)
        subject = f"unvoiced: {alert.level}: {alert.kind}"
        topic.publish(subject, text, {"kind": str(alert.kind), "level": str(alert.level)})


def could_not_look(error: UnvoicedError, now: datetime) -> Alert:
    """What is told of a run that could not look; it can be put nowhere."""
    what = f"the watch could not look: {type(error).__name__}"
    return Alert(Kind.BLIND, Level.CRITICAL, "", what, start=now, end=now)


def tell(watcher: Watcher, alerts: Mapping[str, Alert]) -> None:
    """Publish some, and remember each that was. Raises as `publish` does, `StoreError`."""
    for name, alert in alerts.items():
        publish(watcher.settings, [alert])
        raised.mark_told(watcher.audit, [name])
