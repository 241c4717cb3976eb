"""Telling people of alerts: an SNS topic, where [watch] names one.

A message says what was noticed of whom, in numbers and times, and what to do; it names no object.
"""

import json
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import TYPE_CHECKING

from unvoiced.config import Settings
from unvoiced.errors import UnvoicedError
from unvoiced.watch import raised
from unvoiced.watch.alert import Alert, Kind, Level
from unvoiced.watch.report import alert_fields
from unvoiced.watch.watcher import Watcher

if TYPE_CHECKING:
    from unvoiced.aws.sns import Topic

_LEVELS = list(Level)


def untold(watcher: Watcher) -> dict[str, Alert]:
    """The alerts that stand and nobody was told of, by the names that they stand under."""
    return raised.untold(watcher.audit)


def publish(settings: Settings, alerts: Iterable[Alert]) -> None:
    """Put a message for each to the topic, if there is one. Raises `AccessError`, `InputError`."""
    topic = _topic(settings)
    for alert in alerts:
        _publish(topic, alert)


def could_not_look(error: BaseException, now: datetime) -> Alert:
    """What is told of a run that could not look; it can be put nowhere."""
    what = f"the watch could not look: {type(error).__name__}"
    return Alert(Kind.BLIND, Level.CRITICAL, "", what, start=now, end=now)


def tell(watcher: Watcher, alerts: Mapping[str, Alert]) -> None:
    """Publish some, the loudest first, and remember each that was.

    One that is not taken keeps no other back; where nobody answers, the rest waits for the next
    run. Raises the first error at the end, as `publish` does, or `StoreError`.
    """
    topic = _topic(watcher.settings)
    first: UnvoicedError | None = None
    for name in sorted(alerts, key=lambda each: (_LEVELS.index(alerts[each].level), each)):
        try:
            _publish(topic, alerts[name])
            raised.mark_told(watcher.audit, [name])
        except UnvoicedError as error:
            first = first or error
            if topic is not None and topic.silent:
                break
    if first is not None:
        raise first


def _topic(settings: Settings) -> "Topic | None":
    if not settings.watch.topic:
        return None
    from unvoiced.aws.sns import Topic  # boto3 takes long to import

    return Topic(settings.watch.topic)


def _publish(topic: "Topic | None", alert: Alert) -> None:
    if topic is not None:
        text = json.dumps(alert_fields(alert), indent=2)
        subject = f"unvoiced: {alert.level}: {alert.kind}"
        topic.publish(subject, text, {"kind": str(alert.kind), "level": str(alert.level)})
