"""Steps 4 to 6: a sandbox, prun in it, and what prun did. Sent once: nothing here is repeated."""

from __future__ import annotations

import os
import shutil
import socket
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any, Final

from prefect import get_run_logger

from blocks.panda_server import prun_environment, run_prun
from flows.common.database import now
from flows.common.sessions import MARKER
from flows.common.steps import persistently, step
from flows.submission import domain, ledger
from flows.submission.domain import Outcome, Verdict
from flows.submission.models import AttemptState, Step, SubmissionAttempt
from flows.submission.tasks.preparing import SubmissionRefused
from flows.submission.workplace import workplace

_MAX_FILE_BYTES: Final = 64 * 1024 * 1024


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
        _furnish(directory, attempt.files)
        yield directory
    finally:
        shutil.rmtree(directory, ignore_errors=not directory.exists())


def _furnish(directory: Path, files: Sequence[str]) -> None:
    try:
        for path in (directory, directory / "home", directory / "work"):
            path.mkdir(mode=0o700)
        for name in files:
            _copy_in(name, directory / "work")
    except OSError as error:
        raise SubmissionRefused(f"the sandbox cannot be made: {error}") from error


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
