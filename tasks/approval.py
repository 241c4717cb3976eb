"""Having an erasure approved: the run shows what it would do, and is suspended until an answer.

- Of the contributor, the form and Prefect's database get the digits of the request's id, and
  counts. The code that confirms is of another digest: Prefect has it once somebody has typed it.
- The run ends where it is: no process waits, and no place of a concurrency limit is taken. A worker
  begins it anew when it is resumed, and looks the answer up by the request it was given to and the
  try: it is never taken for an answer about another request, and a run that is retried asks again.
- Nothing is approved by default: without an answer, or with half of one, it ends as NotApproved.
"""

import hashlib
from datetime import timedelta
from uuid import UUID

from prefect import task
from prefect.client.orchestration import get_client
from prefect.client.schemas.objects import State
from prefect.flow_runs import suspend_flow_run
from prefect.input import RunInput
from prefect.input.actions import create_flow_run_input, read_flow_run_input
from prefect.logging import get_run_logger
from prefect.runtime import deployment, flow_run
from prefect.states import Cancelled
from pydantic import Field, ValidationError

from tasks.erasure import look, publish_preview
from tasks.ingest import STEP
from unvoiced.erasure import Preview, code
from unvoiced.erasure import approve as record_approval
from unvoiced.ingest.worker import WorkerPool

ANSWER_WITHIN = timedelta(days=7)
_SHOWN = 8  # digits of a request's id


class Approval(RunInput):
    """What who approves an erasure fills in."""

    approve: bool = Field(
        default=False,
        title="Destroy everything of this contributor",
        description="On: approved; it cannot be undone, and whatever there is of them by then "
        "goes. Off: refused, and nothing is changed.",
    )
    digits: str = Field(
        title="Code of the request",
        description="8 digits, as who made the request told you: `unvoiced erase --ask` and "
        "`unvoiced erasure ls` show them, and nothing in Prefect does.",
        pattern="^[0-9a-f]{8}$",
    )
    reference: str = Field(
        title="Reference",
        description="A ticket's number, in capitals and digits; never a name, nor an id that a "
        "contributor has: it is kept, here and in the record of the erasure.",
        # Shorter than a pseudonym, and not as most ids are, so that the server refuses them before
        # it keeps them. ANNA-01 passes: no form tells that from a ticket's number.
        pattern="^([A-Z][A-Z#/._-]*|#)?[0-9][A-Z0-9#/._-]*$",
        max_length=20,
    )


def get_approved(worker: WorkerPool, request: str) -> State[None] | None:
    """Suspend the run until a request that awaits approval is answered; how it ends if it is not.

    None where the erasure may go on.
    """
    (shown,) = look(worker, request)
    if not shown.awaits_approval:
        return None
    if not deployment.id:
        return _not_approved("it awaits approval, and only a run of a deployment can ask for it")
    question = f"{_name(shown.request)}-{_tries()}"
    _show(shown, question)
    try:
        answer = _answer(shown, question)
    except ValidationError:
        return _not_approved("it was resumed without an answer")
    if not answer.approve:
        return _not_approved("the answer was no")
    if answer.digits != code(shown.request):
        return _not_approved(f"the code typed is not that of request {shown.id[:_SHOWN]}")
    approve(worker, shown, answer.reference)
    return None


@task(name="approve", task_run_name="note the approval", **STEP)
def approve(worker: WorkerPool, shown: Preview, reference: str) -> None:
    """Write the approval into the request's record."""
    worker.call(record_approval, shown.id, shown.request, reference, str(flow_run.id))


def _name(request: str) -> str:
    """What Prefect knows a question by; the code does not follow from it."""
    return hashlib.sha256(f"unvoiced approval question\0{request}".encode()).hexdigest()


def _tries() -> int:
    """How often the run was begun, but for resuming."""
    with get_client(sync_client=True) as client:
        return client.read_flow_run(UUID(str(flow_run.id))).run_count


def _answer(shown: Preview, question: str) -> Approval:
    """The answer, where there is one; else the run ends here, as Suspended."""
    form = Approval.with_initial_data(
        description=f"A request of erasure, made {shown.requested}: **{shown.versions:,} versions "
        "would be destroyed**. The run's artifact `erasure-preview` says where, and what it would "
        f"wait for. Unanswered, the run fails after {ANSWER_WITHIN.days} days, and the request "
        "goes on awaiting approval."
    )
    get_run_logger().warning("request %s awaits approval: Resume asks for it", shown.id[:_SHOWN])
    return suspend_flow_run(
        wait_for_input=form, timeout=int(ANSWER_WITHIN.total_seconds()), key=question
    )


def _show(shown: Preview, question: str) -> None:
    """Show what approval is asked for; once it is given, that there is more or less by now.

    How many versions there were when the run first asked is kept with the run.
    """
    key = f"versions-{question}"
    before = read_flow_run_input(key)
    if before is None:
        create_flow_run_input(key, shown.versions)
        publish_preview(
            shown, "*Resume* asks for approval; nothing is destroyed before it is given."
        )
    elif before != shown.versions:
        publish_preview(shown, f"When approval was asked for, there were {before:,} versions.")


def _not_approved(why: str) -> State[None]:
    return Cancelled(name="NotApproved", message=f"nothing was changed: {why}")
