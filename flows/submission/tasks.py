"""The steps of a submission, each a task with its own retry policy.

Looking and writing down are repeated through an outage; sending is not: what a lost answer did is
found out by `look_up`.
"""

from __future__ import annotations

import os
import shutil
import socket
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any, Final

from prefect import get_run_logger

from blocks.errors import ProdOpsError
from blocks.panda_server import (
    PandaRefused,
    PandaTask,
    PrunMissing,
    TokenRefused,
    UnsafePath,
    prun_environment,
    run_prun,
)
from blocks.pcs_service import PcsRefused
from flows.common.database import now
from flows.common.requests import ClaimLost
from flows.common.sessions import MARKER, members
from flows.common.settings import BadSetting
from flows.submission import domain, ledger
from flows.submission.actions import SubmitTask
from flows.submission.domain import Outcome, Verdict
from flows.submission.gate import NotSubmittable, check_gate
from flows.submission.models import AttemptState, Step, SubmissionAttempt
from flows.submission.repository import NameUsed
from flows.submission.steps import persistently, step
from flows.submission.workplace import RunPutOff, workplace

_CONFIRM_POLL_SECONDS: Final = 0.25
_CONFIRM_IN_RUN_SECONDS: Final = 5.0
_MAX_FILE_BYTES: Final = 64 * 1024 * 1024


class SubmissionRefused(ProdOpsError):
    """PanDA has no task of this attempt, and will not get one from it."""


# ------------------------------------------------------------------ 1: claim


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


# ------------------------------------------------------------------ 2: command


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


# ------------------------------------------------------------------ 3: token


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
    ended = [each for each in _named(attempt) if each.is_ended or each.status == "exhausted"]
    if ended:
        # prun would not submit: PanDA would run the ended task again.
        raise SubmissionRefused(
            f"PanDA has a task of the name {attempt.panda_name} that has ended: {ended[0].id} "
            f"({ended[0].status}); submitting would run it again. Submit a new attempt instead"
        )
    for remark in identity.remarks:
        get_run_logger().warning("%s", remark)
    get_run_logger().info("PanDA knows us as %s; the token %s", identity.name, identity.expiry)


# ------------------------------------------------------------------ 4 to 6: sandbox, prun, verdict


@step("send with prun", is_repeatable=False)
def send(attempt: SubmissionAttempt) -> SubmissionAttempt:
    """Run prun once in a sandbox of its own, and write down what it did."""
    place = workplace()
    token = place.identity.token
    number = attempt.sends + 1
    attempt = persistently(ledger.write, attempt, Step.SANDBOX, "making the sandbox")
    with _sandbox(attempt, number) as directory:
        attempt = persistently(_note_sending, attempt, number)
        outcome = _run_prun(attempt, directory, token)
    return persistently(_note_outcome, attempt, outcome)


def _note_sending(attempt: SubmissionAttempt, number: int) -> SubmissionAttempt:
    configured = workplace().settings.submission
    longest = configured.timeout_seconds + configured.server_limit_seconds
    return ledger.write(
        attempt,
        Step.SEND,
        "prun is sending the task to PanDA",
        state=AttemptState.SENDING,
        sends=number,
        first_sent_at=attempt.first_sent_at or now(),
        sending_until=now() + timedelta(seconds=longest),
        sender_host=socket.gethostname(),
        sender_session=os.getsid(0),
    )


def _run_prun(attempt: SubmissionAttempt, directory: Path, token: str) -> Outcome:
    place = workplace()
    panda = place.settings.panda
    client = panda.client_dir or Path(sys.prefix)
    environment = prun_environment(
        client_dir=client,
        private_dir=directory / "home",
        url=panda.url,
        url_ssl=place.panda_url,
        cache_url=panda.cache_url,
        auth_vo=panda.auth_vo,
        token=token,
        ca_dir=panda.ca_dir,
        keep={name: os.environ[name] for name in (MARKER,) if name in os.environ},
    )
    ended = run_prun(
        attempt.arguments,
        program=client / "bin" / "prun",
        cwd=directory / "work",
        environment=environment,
        timeout_seconds=place.settings.submission.timeout_seconds,
    )
    get_run_logger().info("prun ended with %s:\n%s", ended.returncode, ended.output.rstrip())
    if ended.survivors:
        pids = ", ".join(map(str, ended.survivors))
        return Outcome(Verdict.UNKNOWN, f"processes of prun could not be killed: {pids}")
    return domain.classify(ended.returncode, ended.output, is_timed_out=ended.is_timed_out)


def _note_outcome(attempt: SubmissionAttempt, outcome: Outcome) -> SubmissionAttempt:
    said = {"outcome": outcome.verdict.value, "reason": outcome.reason}
    values = said | _after(attempt, outcome)
    return ledger.write(attempt, Step.CLASSIFY, f"{outcome.verdict}: {outcome.reason}", **values)


def _after(attempt: SubmissionAttempt, outcome: Outcome) -> dict[str, Any]:
    """Where the outcome leaves the attempt."""
    limit = timedelta(seconds=workplace().settings.submission.server_limit_seconds)
    is_first = attempt.sends == 1
    match outcome.verdict:
        case Verdict.CREATED | Verdict.EXISTS:
            return {"state": AttemptState.CREATED, "jedi_task_id": outcome.jedi_task_id}
        case Verdict.REJECTED if is_first and outcome.is_sure:
            return {"state": AttemptState.REFUSED}
        case Verdict.REACTIVATED:
            return {
                "state": AttemptState.REFUSED,
                "jedi_task_id": outcome.jedi_task_id,
                "reason": domain.reactivation_alarm(attempt.panda_name, outcome),
            }
        case Verdict.NOT_SENT if is_first:
            state = AttemptState.CLAIMED if outcome.is_outage else AttemptState.REFUSED
            return {"state": state, "sends": 0, "sending_until": None}
        case Verdict.NOT_SENT | Verdict.REJECTED:
            # An earlier sending may still have made the task.
            return {"state": AttemptState.UNKNOWN, "sending_until": now()}
        case _:
            return {"state": AttemptState.UNKNOWN, "sending_until": now() + limit}


@contextmanager
def _sandbox(attempt: SubmissionAttempt, number: int) -> Iterator[Path]:
    """An empty directory, 0700, with the files that the configuration names."""
    place = workplace()
    directory = place.sandbox(attempt.id, number)
    shutil.rmtree(directory, ignore_errors=True)
    try:
        for path in (directory, directory / "home", directory / "work"):
            path.mkdir(mode=0o700)
        for name in attempt.files:
            _copy_in(name, directory / "work")
        yield directory
    finally:
        shutil.rmtree(directory)


def _copy_in(name: str, work: Path) -> None:
    folder = workplace().settings.submission.files_dir
    if folder is None:
        raise SubmissionRefused(
            f"the configuration wants {name} in the sandbox, and no directory is set to take it "
            "from: set PRODOPS_SUBMISSION_FILES_DIR"
        )
    source = folder / name
    if source.is_symlink() or not source.is_file():
        raise SubmissionRefused(
            f"{source} is not a file; the configuration wants it in the sandbox"
        )
    if source.stat().st_size > _MAX_FILE_BYTES:
        raise SubmissionRefused(f"{source} is larger than {_MAX_FILE_BYTES} bytes")
    shutil.copy(source, work / name)


# ------------------------------------------------------------------ 7: reconcile


@step("take over a lost sending")
def take_over(attempt: SubmissionAttempt) -> SubmissionAttempt:
    """The attempt of a run that was lost while prun ran: unknown, until the server is surely done.

    Where that run's processes are seen to be gone, the server's own limit counts from now.
    """
    until = attempt.sending_until or now()
    is_here = attempt.sender_host == socket.gethostname()
    if is_here and not _is_alive(attempt.sender_session):
        limit = workplace().settings.submission.server_limit_seconds
        until = min(until, now() + timedelta(seconds=limit))
    return ledger.write(
        attempt,
        Step.RECONCILE,
        "an earlier run was lost while prun ran",
        state=AttemptState.UNKNOWN,
        sending_until=until,
        reason="the run was lost while prun ran",
    )


def _is_alive(session: int | None) -> bool:
    """Whether a process of the session lives; True where it is not known."""
    return session is None or bool(members(session))


@step("look the task up at PanDA")
def look_up(attempt: SubmissionAttempt) -> SubmissionAttempt:
    """The attempt with the task that PanDA has of its name, where it shows one.

    Raises:
        RunPutOff: It does not yet, and it is too early to send the name again.
    """
    ledger.write(attempt, Step.RECONCILE, "asking PanDA whether it has the task")
    survivor = domain.survivor(_named(attempt))
    if survivor is not None:
        return ledger.write(
            attempt,
            Step.RECONCILE,
            f"PanDA has it: {survivor}",
            state=AttemptState.CREATED,
            jedi_task_id=survivor,
        )
    until = attempt.sending_until or now()
    if (left := (until - now()).total_seconds()) > 0:
        raise RunPutOff(f"{attempt.reason}; PanDA may be working on it for {left:.0f} s more")
    return attempt


@step("settle a refused resending")
def settle_refused(attempt: SubmissionAttempt, reason: str) -> SubmissionAttempt:
    """The end of an attempt that is not to be sent again, once an earlier sending would show.

    Raises:
        RunPutOff: It is too early to tell.
    """
    configured = workplace().settings.submission
    lag = configured.server_limit_seconds + configured.confirm_seconds
    visible_at = (attempt.first_sent_at or now()) + timedelta(seconds=lag)
    if now() < visible_at:
        raise RunPutOff(
            f"{reason}; whether PanDA took it before is known by {visible_at:%H:%M:%S} UTC"
        )
    text = f"{reason}; PanDA has no such task"
    return ledger.write(attempt, Step.RECONCILE, text, state=AttemptState.REFUSED, reason=text)


# ------------------------------------------------------------------ 8: confirm


@step("confirm the task at PanDA")
def confirm(attempt: SubmissionAttempt) -> SubmissionAttempt:
    """The attempt with the one task that lives under its name.

    Raises:
        RunPutOff: PanDA has not settled on one yet.
    """
    attempt = ledger.write(attempt, Step.CONFIRM, f"PanDA named {attempt.jedi_task_id}")
    give_up = time.monotonic() + _CONFIRM_IN_RUN_SECONDS
    while True:
        settled = _settled(attempt)
        if settled is not None:
            break
        if time.monotonic() > give_up:
            raise RunPutOff(f"PanDA has not settled on one task named {attempt.panda_name} yet")
        time.sleep(_CONFIRM_POLL_SECONDS)
    if settled == attempt.jedi_task_id:
        return attempt
    text = f"PanDA ended {attempt.jedi_task_id} as a duplicate; {settled} survives"
    return ledger.write(attempt, Step.CONFIRM, text, jedi_task_id=settled)


def _settled(attempt: SubmissionAttempt) -> int | None:
    """The one task of the name; None while PanDA may still end one of several."""
    named = _named(attempt)
    if named:
        return domain.survivor(named)
    return attempt.jedi_task_id if _is_waiting_as(attempt) else None


def _is_waiting_as(attempt: SubmissionAttempt) -> bool:
    """Whether the task waits at PanDA under our name, and may be taken as the only one.

    A name that was sent once by one prun cannot have a second task; one that was sent again is
    believed only when PanDA shows it refined.
    """
    assert attempt.jedi_task_id is not None  # noqa: S101 - the state says so
    parameters = workplace().panda.parameters(attempt.jedi_task_id)
    if parameters is None or parameters.get("taskName", "").rstrip("/") != attempt.panda_name:
        return False
    lag = timedelta(seconds=workplace().settings.submission.confirm_seconds)
    is_sole = attempt.sends == 1 and attempt.outcome == Verdict.CREATED
    return is_sole or now() > (attempt.first_sent_at or now()) + lag


def _named(attempt: SubmissionAttempt) -> list[PandaTask]:
    place = workplace()
    return place.panda.tasks_named(attempt.panda_name, user_name=place.user_name)


# ------------------------------------------------------------------ 9 and 10: record, close


@step("record at PCS")
def record(attempt: SubmissionAttempt) -> None:
    """Record the id at PCS, as the task's owner; the same id again changes nothing.

    Raises:
        RunPutOff: PCS refuses it.
    """
    ledger.write(attempt, Step.RECORD, f"recording {attempt.jedi_task_id} at PCS")
    assert attempt.jedi_task_id is not None  # noqa: S101 - the state says so
    try:
        workplace().pcs.record_submission(
            attempt.task_name,
            attempt.jedi_task_id,
            panda_tasks_id=attempt.panda_tasks_id,
            panda_task_name=attempt.panda_name,
            owner=_nameable(attempt.owner),
        )
    except PcsRefused as error:
        raise RunPutOff(f"PCS refuses the id {attempt.jedi_task_id}: {error}") from error


@step("record the failure at PCS")
def record_failure(attempt: SubmissionAttempt) -> None:
    """Record at PCS that the attempt made no task, where PCS keeps a row for it."""
    _tell_failure(attempt.task_name, attempt.panda_tasks_id, attempt.reason, attempt.owner)


@step("record the refusal at PCS")
def record_refusal(order: SubmitTask, reason: str, *, is_superseded: bool = False) -> None:
    """Record at PCS that the attempt was refused before it began, or that it is not needed."""
    _tell_failure(
        order.task_name,
        order.panda_tasks_id,
        reason,
        order.owner,
        is_superseded=is_superseded,
    )


def _tell_failure(
    task_name: str,
    panda_tasks_id: int | None,
    reason: str | None,
    owner: str,
    *,
    is_superseded: bool = False,
) -> None:
    if panda_tasks_id is None:
        return
    try:
        workplace().pcs.record_submission_failure(
            task_name,
            panda_tasks_id=panda_tasks_id,
            reason=reason or "",
            owner=_nameable(owner),
            is_superseded=is_superseded,
        )
    except PcsRefused as error:
        # The row has an id, or is gone: there is nothing to mark.
        get_run_logger().warning("PCS keeps its record: %s", error)


def _nameable(owner: str) -> str:
    """The owner, where a header can name it; else the ops side records in its own name."""
    return owner if owner.isascii() and owner.isprintable() else ""


@step("close")
def close(attempt: SubmissionAttempt) -> SubmissionAttempt:
    """End attempt and request, with the one final event."""
    try:
        return ledger.close(attempt)
    except ClaimLost:
        # A commit whose answer was lost has closed it already; any other loss is an error.
        ended = ledger.of_request()
        if ended is None or ended.state not in (AttemptState.RECORDED, AttemptState.FAILED):
            raise
        return ended


@step("refuse")
def refuse(attempt: SubmissionAttempt, reason: str) -> SubmissionAttempt:
    """The attempt as one that made no task, for that reason."""
    at = Step(attempt.step)
    return ledger.write(attempt, at, reason, state=AttemptState.REFUSED, reason=reason)


@step("put off")
def put_off(attempt: SubmissionAttempt, reason: str) -> None:
    """Let a later run go on."""
    left = None
    if attempt.state == AttemptState.UNKNOWN and attempt.sending_until is not None:
        left = (attempt.sending_until - now()).total_seconds()
        left = left if left > 0 else None
    ledger.put_off(attempt, reason, within_seconds=left)


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
