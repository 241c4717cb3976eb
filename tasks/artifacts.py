"""What a run shows people in the Prefect UI: tags, one report, one table of exceptions.

- Their keys are `FLOW-report` and `FLOW-exceptions` and never change: the page of a key in the UI
  is that flow's history, newest first.
- A run without exceptions leaves no table. The page of that key then still shows the last table
  that there was; so each says which run it is of, and each report says how many its own run has.
"""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from prefect import Flow
from prefect.artifacts import (
    create_markdown_artifact,
    create_progress_artifact,
    create_table_artifact,
    update_progress_artifact,
)
from prefect.client.orchestration import get_client
from prefect.client.schemas.objects import FlowRun, State
from prefect.runtime import flow_run as this_run

TAG = "unvoiced"
_NONE = "No exceptions in this run."


def tag(flow: Flow[Any, Any], flow_run: FlowRun, state: State) -> None:
    """A hook of every flow, at its beginning: tag a run that no deployment has tagged."""
    if TAG not in flow_run.tags:
        with get_client(sync_client=True) as client:
            client.update_flow_run(flow_run.id, tags=[*flow_run.tags, TAG, flow.name])


def show(
    flow: str, about: str, markdown: str, exceptions: Sequence[Mapping[str, str]] = ()
) -> None:
    """Write both, the table only where it has rows. `about` says what the report is of."""
    create_markdown_artifact(
        key=f"{flow}-report",
        description=about,
        markdown=f"{markdown.strip()}\n\n{_said(flow, exceptions)}\n",
    )
    if exceptions:
        create_table_artifact(
            key=f"{flow}-exceptions",
            description=f"{len(exceptions):,} {_rows(exceptions)} of the run `{_this_run()}`, "
            f"written {datetime.now(UTC):%Y-%m-%d %H:%M} UTC. A later run without any leaves no "
            f"table: see the newest {flow}-report.",
            table=[dict(row) for row in exceptions],
        )


def _said(flow: str, exceptions: Sequence[Mapping[str, str]]) -> str:
    if not exceptions:
        return _NONE
    return (
        f"{len(exceptions):,} {_rows(exceptions)}: table `{flow}-exceptions`, "
        "beside this report under Artifacts."
    )


def _rows(exceptions: Sequence[Mapping[str, str]]) -> str:
    return "exception" if len(exceptions) == 1 else "exceptions"


def _this_run() -> str:
    return str(this_run.name or "outside of Prefect")


class Bar:
    """A progress bar in the UI, of steps whose number is known, or is told with each."""

    def __init__(self, flow: str, what: str, steps: int = 0) -> None:
        self._done, self._steps = 0, steps
        self._artifact: UUID = create_progress_artifact(  # type: ignore[assignment]  # sync here
            0.0, key=f"{flow}-progress", description=what
        )

    def step(self) -> None:
        """One more is done."""
        self._done += 1
        self.of(self._done, self._steps)

    def of(self, done: int, steps: int) -> None:
        """So many are done, of so many."""
        update_progress_artifact(self._artifact, 100.0 * done / max(steps, 1))
