"""What the tasks share: PCS and PanDA as the run's adapters, and the writing of an attempt."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from typing import Any, Final

from sqlalchemy.orm import Session

from blocks.errors import ProdOpsError
from blocks.panda_server import PandaServer, PandaTask, TokenSource
from blocks.pcs_service import PcsService
from flows.common import adapters, run
from flows.common.run import Announce, Run
from flows.submission import messages
from flows.submission.domain.identity import Here
from flows.submission.models import Step, SubmissionAttempt, SubmissionResolution
from flows.submission.repository import attempts, resolutions

_MARGIN_SECONDS: Final = 360.0  # prun itself wants more than 300 s left


def pcs() -> PcsService:
    """The PCS that is set, or the stack's own."""
    return run.current().adapter(_pcs)


def panda() -> PandaServer:
    """The PanDA server."""
    return run.current().adapter(_panda)


def tokens() -> TokenSource:
    """Where the token for PanDA comes from; it is refreshed where it is about to expire."""
    return run.current().adapter(_tokens)


def user_name() -> str:
    """The userName under which PanDA stores our tasks."""
    return adapters.panda(run.current().sources).user_name or tokens().identity().name


def here() -> Here:
    """The PanDA that is set, and who we are there."""
    server, *formers = adapters.panda(run.current().sources).origins
    return Here(server, tuple(formers), user_name())


def tasks_named(panda_name: str) -> list[PandaTask]:
    """Our tasks of that name at PanDA, as far as they are refined."""
    return panda().tasks_named(panda_name, user_name=user_name())


def reason_of(error: Exception) -> str:
    """What is wrong, in one line; an error that nobody foresaw is named."""
    return str(error) if isinstance(error, ProdOpsError) else f"{type(error).__name__}: {error}"


def resolution() -> SubmissionResolution | None:
    """The operator's decision that the run carries out; None where it carries out none."""
    request_id = run.current().claim.request_id
    return run.current().read(lambda session: resolutions.of_request(session, request_id))


def write(attempt: SubmissionAttempt, step: Step, text: str, **values: Any) -> SubmissionAttempt:
    """Write `values` to the attempt, and announce the step that it is at.

    Raises:
        ClaimLost: The request is no longer ours.
        NameUsed: The name that is written belongs to an earlier attempt.
    """
    claim = run.current().claim

    def work(session: Session, announce: Announce) -> SubmissionAttempt:
        written = attempts.write(session, attempt.id, {"step": step.value, **values})
        made = written.jedi_task_id
        announce(messages.progress(written.task_name, step, text, claim, jedi_task_id=made))
        return written

    return run.current().write(work)


def _pcs(present: Run) -> PcsService:
    return adapters.pcs_service(present.sources)


def _panda(present: Run) -> PandaServer:
    return adapters.panda(present.sources).server(lambda: tokens().identity().token)


def _tokens(present: Run) -> AbstractContextManager[TokenSource]:
    margin = _MARGIN_SECONDS + present.settings.submission.timeout_seconds
    return nullcontext(adapters.panda(present.sources).token_source(margin_seconds=margin))
