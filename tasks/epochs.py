"""The steps of the epochs flow. What Prefect sees is names of epochs, digests, counts, reasons."""

from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from prefect import task
from prefect.artifacts import create_markdown_artifact
from prefect.client.schemas.objects import State
from prefect.runtime import flow_run
from prefect.states import Completed, Failed

from tasks.ingest import STEP
from unvoiced.epochs.report import Retirements
from unvoiced.epochs.retirement import open_retirer, retire_keys
from unvoiced.epochs.rotation import Rotation, open_key_keeper, rotate_keys
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

    def publish(self) -> State[None]:
        """Write the report; returns how the run ended."""
        rows = self._rows()
        table = "\n".join(f"| {epoch} | {what} |" for epoch, what in rows)
        create_markdown_artifact(
            key="epochs-report",
            description="What became of the intake keys in this run",
            markdown=f"| epoch | |\n|---|---|\n{table}\n" if rows else "Nothing was due.",
        )
        return self._end_state()

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
