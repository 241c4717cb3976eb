"""The steps of the watch. What Prefect sees is ARNs, digests, numbers and times; no object's name.

The event `unvoiced.alert` is there for automations. It may be lost with this process or with the
server: what an alert rests on is the object that stands in the audit store until somebody was told.
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from prefect import task
from prefect.cache_policies import NO_CACHE
from prefect.client.schemas.objects import State
from prefect.events import emit_event
from prefect.runtime import flow_run
from prefect.states import Completed, Failed

from tasks import telemetry
from tasks.artifacts import show
from tasks.measures import Instrument, Measured
from unvoiced.config import load_settings
from unvoiced.errors import UnvoicedError
from unvoiced.ingest.worker import WorkerPool
from unvoiced.review.plain import plain
from unvoiced.watch import run, tell
from unvoiced.watch.alert import Alert, Level
from unvoiced.watch.report import Report, alert_fields
from unvoiced.watch.watcher import open_watcher

ALERT_EVENT = "unvoiced.alert"
_MOST_NAMED = 200  # alerts in the table; the rest: `unvoiced watch ls`
# The next run is five minutes away, and begins where this one did: nothing is tried again before.
STEP: Any = {"cache_policy": NO_CACHE, "persist_result": False}


def short_run_name() -> str:
    """A run's name in the list of runs: when it began, to the second, in UTC."""
    return f"watch {datetime.now(UTC):%m-%d %H:%M:%S}"


def start_watcher(config: str) -> WorkerPool:
    """The run's one worker process: it signs for the log; this one does not."""
    return WorkerPool(Path(config), str(flow_run.id), open_watcher, processes=1)


@task(name="look", task_run_name="look at who reads", **STEP)
def look_at_reads(watcher: WorkerPool) -> Report:
    """Tie the trail, read what is new, judge it, and put what was found."""
    return watcher.call(run.watch)


@task(name="tell", task_run_name="tell of what was found", **STEP)
def tell_of_alerts(watcher: WorkerPool) -> int:
    """Tell of every alert that nobody was told of, those of earlier runs too; returns how many."""
    alerts = watcher.call(tell.untold)
    _emit(alerts)
    watcher.call(tell.tell, alerts)
    _note(alerts.values())
    return len(alerts)


@task(name="publish", task_run_name="write the report", **STEP)
def publish(report: Report) -> None:
    """Write the table by requester with its picture, and a table of the alerts."""
    standing = [one.alert for one in report.standing]
    show(
        "watch",
        "Who read features in the last day, and what was noticed",
        f"{_headline(report)}\n\n{report.markdown()}",
        [_row(one) for one in [*report.alerts, *standing][:_MOST_NAMED]],
    )


def _headline(report: Report) -> str:
    if report.blind:
        return "**The watch could not see everything**: put the log or its settings right."
    if report.alerts or report.standing:
        return (
            f"**{len(report.alerts):,} alerts, {len(report.standing):,} from before that nobody "
            "accepted.** What to do stands with each; `unvoiced watch --accept REQUESTER` ends "
            "theirs."
        )
    return "**Nobody read more than is usual.** Nothing is to be done."


def _row(alert: Alert) -> dict[str, str]:
    fields = alert_fields(alert)
    return {
        "level": fields["level"],
        "alert": fields["kind"],
        "who": plain(alert.who),
        "when": alert.when,
        "what": plain(fields["what"]),
        "what to do": fields["to do"],
    }


def blind(config: str, error: Exception) -> State[None]:
    """How a run ends that could not look: told as far as it goes, and failed."""
    alert = tell.could_not_look(error, datetime.now(UTC))
    _emit({"": alert})
    _note([alert])
    message = error.diagnostics() if isinstance(error, UnvoicedError) else alert.what
    try:
        tell.publish(load_settings(Path(config)), [alert])
    except UnvoicedError as also:
        message += f"\nnor could anybody be told by the topic: {also}"
    return Failed(name="Blind", message=message)


def end_state(report: Report, told: int) -> State[None]:
    """How the run ended; blind where a log that is configured could not be read."""
    message = (
        f"{report.recorded:,} recorded reads, {len(report.alerts):,} alerts, "
        f"{report.new:,} of them new, {told:,} told, {len(report.standing):,} from before"
    )
    if report.blind:
        return Failed(name="Blind", message=f"{message}; {report.blind[0].what}")
    if report.alerts or report.standing or told:
        return Completed(name="CompletedWithAlerts", message=message)
    return Completed(message=message)


def _note(alerts: Iterable[Alert]) -> None:
    levels = Counter(alert.level for alert in alerts)
    telemetry.note(
        Measured(Instrument.ALERTS, levels[level], {"level": str(level)}) for level in Level
    )


def _emit(alerts: Mapping[str, Alert]) -> None:
    for alert in alerts.values():
        fields = alert_fields(alert)
        emit_event(
            event=ALERT_EVENT,
            resource={
                "prefect.resource.id": f"{ALERT_EVENT}.{alert.identity}",
                "prefect.resource.name": f"{alert.level}: {alert.kind}",
                "level": str(alert.level),
                "kind": str(alert.kind),
            },
            payload=fields,
        )
