"""Steps 1 to 3: the attempt is claimed, its command fetched, the token checked."""

from __future__ import annotations

from typing import Final

from prefect import get_run_logger
from sqlalchemy.orm import Session

from blocks.errors import ProdOpsError
from blocks.panda_server import PandaRefused, PrunMissing, TokenRefused, UnsafePath
from blocks.pcs_service import PcsRefused, TaskUnknown
from flows.common import adapters, run
from flows.common.flow import task
from flows.common.run import Announce
from flows.common.settings import BadSetting
from flows.submission import messages
from flows.submission.domain import claim, command, states
from flows.submission.domain.command import CommandRefused, PrunCommand
from flows.submission.models import AttemptState, Step, SubmissionAttempt
from flows.submission.repository import attempts
from flows.submission.repository.attempts import NameUsed
from flows.submission.schemas import SubmitTask
from flows.submission.tasks import common, sandbox


class SubmissionRefused(ProdOpsError):
    """PanDA has no task of this attempt, and will not get one from it."""


REFUSALS: Final = (
    CommandRefused,
    BadSetting,
    PandaRefused,
    PrunMissing,
    TokenRefused,
    UnsafePath,
    SubmissionRefused,
    sandbox.SandboxRefused,
    NameUsed,
    PcsRefused,
)
"""What ends an attempt of which nothing was sent."""


@task("claim the attempt", puts_off=True)
def claim_attempt(form: SubmitTask) -> SubmissionAttempt:
    """The request's attempt: an earlier run's, or a new one where PCS's gate lets it.

    Raises:
        NotSubmittable: The gate refuses, with its reason, or PCS has no such task.
        TaskUnreadable: PCS refuses to show it.
        Overtaken: Another request has submitted the task.
        AttemptOpen: Another request is submitting the task.
        NameUsed: The name at PanDA belongs to an earlier attempt.
    """
    present = run.current()
    former = present.read(lambda session: attempts.of_request(session, present.claim.request_id))
    if former is not None:
        sandbox.remove_all(former.id)
        return former
    try:
        prod_task = common.pcs().task(form.task_name)
    except TaskUnknown as error:
        raise claim.TaskMissing(error.detail) from error
    except PcsRefused as error:
        raise claim.TaskUnreadable(error.detail) from error
    values = {
        "task_name": prod_task.name,
        "panda_name": claim.name_to_claim(prod_task, form, is_relaxed=present.settings.pcs.relaxed),
        "panda_tasks_id": form.panda_tasks_id,
        "owner": prod_task.created_by,
    }

    def insert(session: Session, announce: Announce) -> SubmissionAttempt:
        attempt = attempts.claim(session, present.claim, values)
        text = "the attempt is claimed"
        announce(messages.progress(attempt.task_name, Step.CLAIM, text, present.claim))
        return attempt

    return present.write(insert)


@task("fetch the command", puts_off=True)
def fetch_command(attempt: SubmissionAttempt) -> SubmissionAttempt:
    """The attempt with the command that PCS composed for it, checked, as an argument vector.

    Raises:
        CommandRefused: It may not be run.
        SubmissionRefused: It is another attempt's.
    """
    common.write(attempt, Step.COMMAND, "fetching the prun command from PCS")
    text = common.pcs().command(attempt.task_name, panda_tasks_id=attempt.panda_tasks_id)
    composed = command.parse(text)
    if attempt.panda_tasks_id is not None and composed.name != attempt.panda_name:
        raise SubmissionRefused(
            f"PCS composed --outDS {composed.name} for the attempt {attempt.panda_name}"
        )
    files = command.sandbox_files(common.pcs().dump(attempt.task_name))
    return common.write(
        attempt,
        Step.COMMAND,
        f"--outDS {composed.name}",
        panda_name=composed.name,
        arguments=list(composed.arguments),
        files=list(files),
    )


@task("check the token")
def check_token(attempt: SubmissionAttempt) -> None:
    """Require a token that outlives the submission, and a name that is free at PanDA.

    Raises:
        TokenRefused: There is none, with its expiry and the command that renews it.
        SubmissionRefused: The name is in use at PanDA.
    """
    common.write(attempt, Step.TOKEN, "checking the token for PanDA")
    identity = common.tokens().identity()
    if PrunCommand(tuple(attempt.arguments)).is_official:
        vo = adapters.panda(run.current().sources).auth_vo
        common.tokens().require_group(vo.replace(".", "/"))
    ended = [each for each in common.tasks_named(attempt.panda_name) if states.is_rerun(each)]
    if ended:
        # prun would not submit: PanDA would run the ended task again.
        raise SubmissionRefused(
            f"PanDA has a task of the name {attempt.panda_name} that has ended: {ended[0].id} "
            f"({ended[0].status}); submitting would run it again. Submit a new attempt instead"
        )
    for remark in identity.remarks:
        get_run_logger().warning("%s", remark)
    get_run_logger().info("PanDA knows us as %s; the token %s", identity.name, identity.expiry)


@task("refuse")
def refuse(attempt: SubmissionAttempt, reason: str) -> SubmissionAttempt:
    """The attempt as one that made no task, for that reason."""
    step = Step(attempt.step)
    return common.write(attempt, step, reason, state=AttemptState.REFUSED, reason=reason)
