"""Metrics: what is sent, to a real receiver; what is never sent; and that nothing waits for it."""

import logging
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from prefect.client.schemas.objects import FlowRun
from prefect.states import Completed, Failed

from tasks import telemetry
from tasks.measures import WAIT_BOUNDS, Instrument, Kind, Measured, Spread
from tasks.report import RunReport
from tests.monitoring.receiver import Receiver, receiving
from unvoiced.errors import InputError
from unvoiced.ingest.exposure import Exposure
from unvoiced.ingest.outcome import BatchReport
from unvoiced.ingest.part import WHOLE, Part

PSEUDONYM = "abcdefghijklmnopqrstuvwxyz"
BEGUN = datetime(2026, 11, 23, 8, tzinfo=UTC)


class Ingest:
    """A flow, as far as a hook asks."""

    name = "ingest"


@pytest.fixture
def run_id(monkeypatch: pytest.MonkeyPatch) -> UUID:
    """The run that this test is."""
    run = uuid4()
    monkeypatch.setenv("PREFECT__RUNTIME__FLOW_RUN__ID", str(run))
    return run


@pytest.fixture
def receiver(monkeypatch: pytest.MonkeyPatch) -> Iterator[Receiver]:
    """One that the environment names."""
    with receiving() as receiver:
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", receiver.url)
        yield receiver


def end(run_id: UUID, state: Any = None) -> None:
    """What Prefect does when a run has ended, after nine minutes."""
    state = state or Completed()
    state.timestamp = BEGUN + timedelta(minutes=9)
    run = FlowRun(id=run_id, flow_id=uuid4(), name="ingest 11-23 08:00:00", start_time=BEGUN)
    telemetry.send(Ingest(), run, state)  # type: ignore[arg-type]  # a flow


def warnings(caplog: pytest.LogCaptureFixture) -> list[str]:
    """What was said of it."""
    return [one.getMessage() for one in caplog.records if one.name == "prefect.flow_runs"]


@pytest.fixture
def said(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> pytest.LogCaptureFixture:
    """The log of the run; no server is asked to keep it."""
    monkeypatch.setattr(logging.getLogger("prefect.flow_runs"), "handlers", [caplog.handler])
    monkeypatch.setattr(logging.getLogger("prefect.flow_runs"), "propagate", False)
    return caplog


def gathered() -> RunReport:
    """A run with something of everything."""
    exposure = Exposure()
    for seconds in (30.0, 240.0, 240.0, 90_000.0):
        exposure.add(seconds)
    report = RunReport(Part(2, 3))
    report.finished(BatchReport(disposed=1))
    report.take(
        BatchReport(
            recordings=9, disposed=4, erased=1, gone=1, sealed_bytes=5_000, feature_bytes=2_000,
            quarantined={f"{PSEUDONYM}/one.unv": "not-audio", f"{PSEUDONYM}/two.unv": "not-audio"},
            left={f"{PSEUDONYM}/three.unv": "the store refused"}, exposure=exposure,
            oldest_left=time.time() - 500, seconds=7.5,
        )
    )  # fmt: skip
    return report


def test_what_a_run_did_arrives(receiver: Receiver, run_id: UUID) -> None:
    """Every number under its name, unit and attributes; as one run's own, and of no instance."""
    telemetry.note(gathered().measured(time.time()))
    end(run_id, Failed(name="DisposalBlocked"))

    assert receiver.paths == ["/v1/metrics"]
    found = receiver.values("unvoiced.recordings")
    assert {outcome: count for (_, outcome), count in found.items()} == {
        "disposed": 4, "finished": 1, "erased": 1, "quarantined": 2, "gone": 1, "left": 1,
        "not-reported": 0, "lost": 0,
    }  # fmt: skip
    assert receiver.values("unvoiced.recordings.quarantined") == {("not-audio",): 2}
    assert receiver.values("unvoiced.recordings.size") == {("ingest",): 5_000}
    assert receiver.values("unvoiced.features.size") == {("ingest",): 2_000}
    assert receiver.values("unvoiced.backlog") == {("2 of 3",): 1}
    (age,) = receiver.values("unvoiced.backlog.age").values()
    assert 500 <= age < 560

    (waited,) = receiver.metrics["unvoiced.exposure"].histogram.data_points
    assert (waited.count, waited.sum, waited.max) == (4, 90_510, 90_000)
    assert list(waited.explicit_bounds) == list(WAIT_BOUNDS)
    by_bound = dict(zip([*WAIT_BOUNDS, "more"], waited.bucket_counts, strict=True))
    assert {end: count for end, count in by_bound.items() if count} == {60: 1, 300: 2, 172_800: 1}
    (batch,) = receiver.metrics["unvoiced.batch.duration"].histogram.data_points
    assert (batch.count, batch.sum) == (1, 7.5)
    (took,) = receiver.metrics["unvoiced.run.duration"].histogram.data_points
    assert (took.count, took.sum) == (1, 9 * 60)
    assert [one.value.string_value for one in took.attributes] == ["ingest", "DisposalBlocked"]

    for name, metric in receiver.metrics.items():
        (instrument,) = [one for one in Instrument if one.title == name]
        assert metric.unit == instrument.unit
        data = getattr(metric, metric.WhichOneof("data"))
        if instrument.kind is not Kind.GAUGE:
            assert data.aggregation_temporality == 1, name  # delta
        for point in data.data_points:
            assert {one.key for one in point.attributes} == set(instrument.attributes)
            if instrument.kind is not Kind.GAUGE:  # that one is of a moment
                assert point.time_unix_nano - point.start_time_unix_nano == 9 * 60 * 10**9
    assert receiver.resource().keys() == {"service.name", "service.version"}
    assert PSEUDONYM.encode() not in b"".join(receiver.bodies)
    assert b"refused" not in b"".join(receiver.bodies)


def test_standard_variables_are_kept(
    receiver: Receiver, run_id: UUID, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The service's name and attributes of the resource are the operator's to give."""
    monkeypatch.setenv("OTEL_SERVICE_NAME", "voices")
    monkeypatch.setenv("OTEL_RESOURCE_ATTRIBUTES", "deployment.environment.name=staging")
    end(run_id)
    assert receiver.resource()["service.name"] == "voices"
    assert receiver.resource()["deployment.environment.name"] == "staging"


@pytest.mark.parametrize(
    "off", [{}, {"OTEL_SDK_DISABLED": "true"}, {"OTEL_METRICS_EXPORTER": "none"}],
    ids=["no-endpoint", "disabled", "no-exporter"],
)  # fmt: skip
def test_it_is_off_unless_a_receiver_is_named(
    receiver: Receiver, run_id: UUID, monkeypatch: pytest.MonkeyPatch, off: dict[str, str]
) -> None:
    """Nothing is kept and nothing sent."""
    if not off:
        monkeypatch.delenv("OTEL_EXPORTER_OTLP_ENDPOINT")
    for name, value in off.items():
        monkeypatch.setenv(name, value)
    telemetry.note([Measured(Instrument.KEYS_RETIRED, 1)])
    end(run_id)
    assert (receiver.requests, telemetry._measured) == ([], {})


def test_runs_of_one_process_do_not_mix(
    receiver: Receiver, run_id: UUID, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What one noted leaves with it, once, whichever ends first."""
    telemetry.note([Measured(Instrument.KEYS_RETIRED, 1)])
    other = uuid4()
    monkeypatch.setenv("PREFECT__RUNTIME__FLOW_RUN__ID", str(other))
    telemetry.note([Measured(Instrument.KEYS_RETIRED, 2)])
    end(run_id)
    assert receiver.values("unvoiced.keys.retired") == {(): 1}
    end(other)
    assert receiver.values("unvoiced.keys.retired") == {(): 2}
    end(run_id)
    assert len(receiver.requests[-1].resource_metrics[0].scope_metrics[0].metrics) == 1
    assert telemetry._measured == {}


def test_a_receiver_that_hangs_costs_so_long_and_no_more(
    run_id: UUID, monkeypatch: pytest.MonkeyPatch, said: pytest.LogCaptureFixture
) -> None:
    """The run has ended by then; its process goes on."""
    monkeypatch.setattr(telemetry, "MOST_WAITED", 0.5)
    with receiving(hangs=True) as receiver:
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", receiver.url)
        begun = time.monotonic()
        end(run_id)
        took = time.monotonic() - begun
        assert receiver.requests
    assert 0.5 <= took < 5
    assert warnings(said) == ["no metrics were sent: no answer within 0.5 s"]


def test_a_receiver_that_refuses_is_said_in_the_log(
    run_id: UUID, monkeypatch: pytest.MonkeyPatch, said: pytest.LogCaptureFixture
) -> None:
    """And nothing is raised."""
    with receiving(status=400) as receiver:
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", receiver.url)
        end(run_id)
    assert warnings(said) == ["no metrics were sent: the receiver did not take them"]


@pytest.mark.parametrize("status", [301, 307, 304])
def test_a_redirection_is_no_success_and_is_not_followed(
    receiver: Receiver, run_id: UUID, monkeypatch: pytest.MonkeyPatch,
    said: pytest.LogCaptureFixture, status: int,
) -> None:  # fmt: skip
    """Whoever answers for the receiver gets no headers sent elsewhere, and no run says it went."""
    with receiving(status=status, location=f"{receiver.url}/v1/metrics") as first:
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", first.url)
        end(run_id)
    assert (len(first.requests), receiver.requests) == (1, [])
    assert warnings(said) == ["no metrics were sent: the receiver did not take them"]


def test_a_missing_extra_is_said_in_the_log(
    receiver: Receiver, run_id: UUID, monkeypatch: pytest.MonkeyPatch,
    said: pytest.LogCaptureFixture,
) -> None:  # fmt: skip
    """An operator who set the variable expects metrics."""
    monkeypatch.setitem(sys.modules, "tasks.otlp", None)
    end(run_id)
    assert receiver.requests == []
    assert warnings(said) == ["no metrics were sent: the extra `telemetry` is not installed"]


@pytest.mark.parametrize(
    "value",
    [PSEUDONYM, f"{PSEUDONYM}/one.unv", f"left {PSEUDONYM}", "0123456789abcdef" * 4, "a\nb", "",
     "x" * 65, "role <anna@example.org>"],
)  # fmt: skip
def test_no_attribute_can_name_somebody(value: str) -> None:
    """Whoever writes a new measurement is stopped, and not told the value back."""
    with pytest.raises(InputError) as error:
        Measured(Instrument.QUARANTINED, 1, {"reason": value})
    assert str(error.value) == "unvoiced.recordings.quarantined: this is no value for reason"


def test_an_attribute_of_another_instrument_is_refused() -> None:
    """So that the page which lists them stays right; and a kind is kept."""
    with pytest.raises(InputError, match="has the attributes reason"):
        Measured(Instrument.QUARANTINED, 1, {"reason": "x", "pseudonym": "y"})
    with pytest.raises(InputError, match="is a histogram"):
        Measured(Instrument.EXPOSURE, 5.0)


def test_all_reasons_rules_and_states_that_there_are_can_be_sent() -> None:
    """The check stops nothing that is from our own lists."""
    from unvoiced.ingest.recording import QUARANTINE_REASONS
    from unvoiced.retention.rules import Rule
    from unvoiced.watch.alert import Level

    for reason in QUARANTINE_REASONS:
        Measured(Instrument.QUARANTINED, 1, {"reason": reason})
    rules = [*Rule, "finished for an interrupted run", "erased contributors"]
    for rule in rules:
        Measured(Instrument.RETENTION_LEFT, 1, {"rule": str(rule)})
    for level in Level:
        Measured(Instrument.ALERTS, 1, {"level": str(level)})
    assert RunReport(WHOLE).measured(time.time())


def test_distributions_are_of_what_they_are_made_from() -> None:
    """Each value in the bucket whose end it does not pass; what has none is in the last."""
    spread = Spread.of([1.0, 1.5, 99.0], (1.0, 2.0))
    assert (spread.counts, spread.count, spread.least, spread.most) == ([1, 1, 1], 3, 1.0, 99.0)
    exposure = Exposure()
    for seconds in (59.0, 60.0, 1e9):
        exposure.add(seconds)
    spread = Spread.of_exposure(exposure, WAIT_BOUNDS)
    assert spread.counts[-1] == 1
    assert sum(spread.counts) == 3
    assert spread.least <= 59.0
