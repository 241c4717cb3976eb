"""The steps of the epochs flow. What Prefect sees is names of epochs, digests, counts, reasons."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from prefect import task
from prefect.client.schemas.objects import State
from prefect.runtime import flow_run
from prefect.states import Completed, Failed

from tasks import telemetry
from tasks.artifacts import show
from tasks.ingest import STEP
from tasks.measures import Instrument, Measured
from tasks.object_names import shown
from tasks.receipts import LogAfter
from unvoiced.epochs.report import Retirements
from unvoiced.epochs.retirement import open_retirer, retire_keys
from unvoiced.epochs.rotation import Rotation, open_key_keeper, rotate_keys
from unvoiced.ingest.recording import QUARANTINE_REASONS
from unvoiced.ingest.worker import WorkerPool


def short_run_name() -> str:
    """A run's name in the list of runs: when it began, to the second, in UTC."""
    return f"epochs {datetime.now(UTC):%m-%d %H:%M:%S}"


def start_key_keeper(config: str) -> WorkerPool:
    """The process that makes keys: it can wrap them, and need not be able to unwrap any."""
    return WorkerPool(Path(config), str(flow_run.id), open_key_keeper, processes=1)


def start_retirer(config: str) -> WorkerPool:
    """The process that destroys keys: it holds what an ingest worker does."""
    return WorkerPool(Path(config), str(flow_run.id), open_retirer, processes=1)


@task(name="rotate", task_run_name="make the keys that are missing", **STEP)
def rotate_intake_keys(keeper: WorkerPool) -> Rotation:
    """Make this week's key and the next one's, where they are missing."""
    return keeper.call(rotate_keys)


@task(name="retire", task_run_name="retire the keys of epochs that are over", **STEP)
def retire_intake_keys(worker: WorkerPool) -> Retirements:
    """Destroy the keys that nothing holds back, and log that they are gone."""
    return worker.call(retire_keys)


@dataclass
class EpochsReport:
    """What a run shows of itself: one table, and how it ended."""

    rotation: Rotation = field(default_factory=Rotation)
    retirements: Retirements = field(default_factory=Retirements)

    def publish(self, config: str) -> State[None]:
        """Write the artifacts; returns how the run ended. `config` is where the settings are."""
        rows = self._rows()
        table = "\n".join(f"| {epoch} | {what} |" for epoch, what in rows)
        parts = [
            self._headline(),
            f"| epoch | |\n|---|---|\n{table}" if rows else "Nothing was due.",
            LogAfter.look(config).markdown(),
        ]
        about = "What became of the intake keys in this run"
        show("epochs", about, "\n\n".join(parts), list(self._exceptions()))
        telemetry.note([Measured(Instrument.KEYS_RETIRED, len(self.retirements.retired))])
        return self._end_state()

    def _headline(self) -> str:
        done, made = self.retirements, self.rotation
        said = f"**{len(made.made):,} intake keys made, {len(done.retired):,} retired.**"
        if any(True for _ in self._exceptions()):
            return f"{said} Something is to be done: see the table of exceptions."
        return f"{said} Nothing is to be done."

    def _exceptions(self) -> Iterator[dict[str, str]]:
        done = self.retirements
        lost = dict.fromkeys(self.rotation.lost, ("announced, and not in the vault",))
        for found, outcome, remedy in (
            (lost | done.lost, "lost", "restore it from a backup of the vault: docs/keys.md"),
            (done.disputed, "disputed", "docs/keys.md, Retired, and still there"),
            ({epoch: (why,) for epoch, why in done.blocked.items()}, "not seen to be gone",
             "the next run tries again; see why the vault keeps it"),
            ({epoch: (why,) for epoch, why in done.destroyed.items()}, "no receipt yet",
             "the next run logs it"),
        ):  # fmt: skip
            for epoch, why in sorted(found.items()):
                yield {"object": epoch, "outcome": outcome, "reason": "; ".join(why),
                       "what to do": remedy}  # fmt: skip
        for name in sorted(done.quarantined):
            yield {"object": shown(name), "outcome": "quarantined", "reason": "retired-intake-key",
                   "what to do": QUARANTINE_REASONS["retired-intake-key"]}  # fmt: skip

    def _rows(self) -> list[tuple[str, str]]:
        done, made = self.retirements, self.rotation
        return [
            *((epoch, "made and announced") for epoch in made.made),
            *((epoch, "has its key") for epoch in made.there),
            *((epoch, "announced, and not in the vault: lost") for epoch in made.lost),
            *((epoch, "half-made, never announced; logged now") for epoch in done.adopted),
            *((epoch, "retired") for epoch in sorted(done.retired)),
            *((epoch, "retired before, was in the vault again: destroyed again") for epoch in
              done.again),
            *((epoch, f"retired by the log, in the vault, kept: {'; '.join(holds)}") for
              epoch, holds in sorted(done.disputed.items())),
            *((epoch, f"destroyed, no receipt yet: {why}") for epoch, why in
              sorted(done.destroyed.items())),
            *((epoch, f"kept: {'; '.join(holds)}") for epoch, holds in
              sorted(done.held_back.items())),
            *((epoch, f"not seen to be gone: {why}") for epoch, why in
              sorted(done.blocked.items())),
            *((epoch, f"lost: {'; '.join(holds)}") for epoch, holds in sorted(done.lost.items())),
        ]  # fmt: skip

    def _end_state(self) -> State[None]:
        done, made = self.retirements, self.rotation
        message = f"{len(made.made):,} intake keys made, {len(done.retired):,} retired"
        if lost := {*made.lost, *done.lost}:
            return Failed(
                name="IntakeKeyLost",
                message=f"{message}; missing from the vault: {', '.join(sorted(lost))}",
            )
        if done.disputed:
            return Failed(
                name="RetirementDisputed",
                message=f"{message}; retired by the log, in the vault and kept: "
                f"{', '.join(sorted(done.disputed))}",
            )
        if done.blocked:
            return Failed(
                name="RetirementBlocked",
                message=f"{message}; not seen to be gone: {', '.join(sorted(done.blocked))}",
            )
        if done.quarantined or done.destroyed:
            return Completed(
                name="CompletedWithQuarantine",
                message=f"{message}, {len(done.quarantined):,} recordings came too late",
            )
        if done.held_back:
            message += f", {len(done.held_back):,} held back"
        return Completed(message=message)
