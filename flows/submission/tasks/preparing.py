"""Steps 1 to 3: the attempt is claimed, its command fetched, the token checked."""

from __future__ import annotations

from typing import Final

from prefect import get_run_logger

from blocks.errors import ProdOpsError
from blocks.panda_server import PandaRefused, PandaTask, PrunMissing, TokenRefused, UnsafePath
from blocks.pcs_service import PcsRefused
from flows.common.settings import BadSetting
from flows.common.steps import step
from flows.submission import domain, ledger
from flows.submission.actions import SubmitTask
from flows.submission.gate import NotSubmittable, check_gate
from flows.submission.models import AttemptState, Step, SubmissionAttempt
from flows.submission.repository import NameUsed
from flows.submission.workplace import workplace


class SubmissionRefused(ProdOpsError):
    """PanDA has no task of this attempt, and will not get one from it."""


REFUSALS: Final = (
    domain.CommandRefused,
    BadSetting,
    PandaRefused,
    PrunMissing,
    TokenRefused,
    UnsafePath,
    SubmissionRefused,
    NameUsed,
    PcsRefused,
)
"""What ends an attempt of which nothing was sent."""


@step("claim the attempt")
def claim_attempt(order: SubmitTask) -> SubmissionAttempt:
    """The request's attempt: an earlier run's, or a new one where PCS's gate lets it.

    Raises:
        NotSubmittable: The gate refuses, with its reason.
        AttemptOpen: Another request is submitting the task.
        NameUsed: The name at PanDA belongs to an earlier attempt.
    """
    former = ledger.of_request()
    if former is not None:
        workplace().remove_sandboxes(former.id)
        return former
    try:
        prod_task = workplace().pcs.task(order.task_name)
    except PcsRefused as error:
        raise NotSubmittable(error.detail) from error
    name = check_gate(prod_task, order, is_relaxed=workplace().settings.pcs.relaxed)
    return ledger.claim(
        {
            "task_name": prod_task.name,
            "panda_name": name,
            "panda_tasks_id": order.panda_tasks_id,
            "owner": order.owner or prod_task.created_by,
        }
    )


@step("fetch the command")
def fetch_command(attempt: SubmissionAttempt) -> SubmissionAttempt:
    """The command that PCS composed for the attempt, checked and kept as an argument vector.

    Raises:
        CommandRefused: It may not be run.
        SubmissionRefused: It is another attempt's.
    """
    ledger.write(attempt, Step.COMMAND, "fetching the prun command from PCS")
    pcs = workplace().pcs
    text = pcs.command(attempt.task_name, panda_tasks_id=attempt.panda_tasks_id)
    command = domain.parse_command(text)
    is_given = attempt.panda_tasks_id is not None
    if is_given and command.name != attempt.panda_name:
        raise SubmissionRefused(
            f"PCS composed --outDS {command.name} for the attempt {attempt.panda_name}"
        )
    files = domain.sandbox_files(pcs.dump(attempt.task_name))
    return ledger.write(
        attempt,
        Step.COMMAND,
        f"--outDS {command.name}",
        panda_name=command.name,
        arguments=list(command.arguments),
        files=list(files),
    )


@step("check the token")
def check_token(attempt: SubmissionAttempt) -> None:
    """A token that outlives the submission.

    Raises:
        TokenRefused: There is none, with its expiry and the command that renews it.
        SubmissionRefused: The name is in use at PanDA.
    """
    ledger.write(attempt, Step.TOKEN, "checking the token for PanDA")
    place = workplace()
    identity = place.identity
    if domain.PrunCommand(tuple(attempt.arguments)).is_official:
        place.tokens.require_group(place.settings.panda.auth_vo.replace(".", "/"))
    ended = [each for each in place.tasks_named(attempt.panda_name) if _is_rerun(each)]
    if ended:
        # prun would not submit: PanDA would run the ended task again.
        raise SubmissionRefused(
            f"PanDA has a task of the name {attempt.panda_name} that has ended: {ended[0].id} "
            f"({ended[0].status}); submitting would run it again. Submit a new attempt instead"
        )
    for remark in identity.remarks:
        get_run_logger().warning("%s", remark)
    get_run_logger().info("PanDA knows us as %s; the token %s", identity.name, identity.expiry)


def _is_rerun(task: PandaTask) -> bool:
    """Whether PanDA would run the task again where its name is submitted."""
    return task.is_ended or task.status == "exhausted"


@step("refuse")
def refuse(attempt: SubmissionAttempt, reason: str) -> SubmissionAttempt:
    """The attempt as one that made no task, for that reason."""
    at = Step(attempt.step)
    return ledger.write(attempt, at, reason, state=AttemptState.REFUSED, reason=reason)
