"""Steps 4 to 6: a sandbox, prun in it, and what prun did. Sent once: nothing here is repeated."""

from __future__ import annotations

import os
import socket
import sys
from datetime import timedelta
from pathlib import Path
from typing import Any

from prefect import get_run_logger

from blocks.panda_server import prun_environment, run_prun
from flows.common import adapters, run
from flows.common.database import now
from flows.common.flow import task
from flows.common.http_proxies import proxy_environment
from flows.common.sessions import MARKER
from flows.submission.domain import verdict
from flows.submission.domain.verdict import Outcome, Verdict
from flows.submission.models import AttemptState, Step, SubmissionAttempt
from flows.submission.tasks import common, sandbox


@task("send with prun", delays=())
def send(attempt: SubmissionAttempt) -> SubmissionAttempt:
    """Run prun once in a sandbox of its own, and write what it did."""
    token = common.tokens().identity().token
    number = attempt.sends + 1
    attempt = common.write(attempt, Step.SANDBOX, "making the sandbox")
    with sandbox.made(attempt.id, attempt.files) as directory:
        attempt = _note_sending(attempt, number)
        outcome = _run_prun(attempt, directory, token)
    seen = {"outcome": outcome.verdict.value, "reason": outcome.reason}
    values = seen | _after(attempt, outcome)
    return common.write(attempt, Step.CLASSIFY, f"{outcome.verdict}: {outcome.reason}", **values)


def _note_sending(attempt: SubmissionAttempt, number: int) -> SubmissionAttempt:
    configured = run.current().settings.submission
    longest = configured.timeout_seconds + configured.server_limit_seconds
    return common.write(
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
    settings = run.current().settings
    configured = adapters.panda(run.current().sources)
    client = configured.client_dir or Path(sys.prefix)
    environment = prun_environment(
        client_dir=client,
        private_dir=directory / "home",
        url=configured.url,
        url_ssl=configured.url_ssl,
        cache_url=configured.cache_url,
        auth_vo=configured.auth_vo,
        token=token,
        ca_dir=configured.ca_dir,
        keep={
            **{name: os.environ[name] for name in (MARKER,) if name in os.environ},
            **proxy_environment(os.environ),
        },
    )
    ended = run_prun(
        attempt.arguments,
        program=client / "bin" / "prun",
        cwd=directory / "work",
        environment=environment,
        timeout_seconds=settings.submission.timeout_seconds,
    )
    get_run_logger().info("prun ended with %s:\n%s", ended.returncode, ended.output.rstrip())
    if ended.survivors:
        pids = ", ".join(map(str, ended.survivors))
        return Outcome(Verdict.UNKNOWN, f"processes of prun could not be killed: {pids}")
    return verdict.classify(ended.returncode, ended.output, is_timed_out=ended.is_timed_out)


def _after(attempt: SubmissionAttempt, outcome: Outcome) -> dict[str, Any]:
    """Where the outcome leaves the attempt."""
    limit = timedelta(seconds=run.current().settings.submission.server_limit_seconds)
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
                "reason": verdict.reactivation_alarm(attempt.panda_name, outcome),
            }
        case Verdict.NOT_SENT if is_first:
            state = AttemptState.CLAIMED if outcome.is_outage else AttemptState.REFUSED
            return {"state": state, "sends": 0, "sending_until": None}
        case Verdict.NOT_SENT | Verdict.REJECTED:
            # An earlier sending may still have made the task.
            return {"state": AttemptState.UNKNOWN, "sending_until": now()}
        case _:
            return {"state": AttemptState.UNKNOWN, "sending_until": now() + limit}
