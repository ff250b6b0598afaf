"""How a request ends, by what became of its run. Pure functions."""

from __future__ import annotations

from typing import Any, Final

from prefect.client.schemas.objects import State
from prefect.states import Cancelled, Crashed, Failed

from blocks.errors import Invalid, ProdOpsError
from deployments.isolation import is_outage
from deployments.worker.protocol import Ended, EndReason
from deployments.worker.request_store import Ending
from deployments.worker.works import Work
from flows.common import outcomes
from flows.common.actions import Action, OnLost
from flows.common.models import Request, RequestState
from flows.common.outcomes import Outcome

_HANDED_BACK: Final = "handed back by a worker that stopped"


def of_run(work: Work, end: Ended, state: State[Any] | None) -> tuple[Ending, State[Any] | None]:
    """How a run ended: Prefect's word, made final where its process left it open.

    Args:
        work: The run.
        end: How its process ended.
        state: Its state at Prefect; None where it was deleted.

    Returns:
        The end of its request, and the final state that it is to be given, if any.
    """
    if state is not None and state.is_completed():
        return Ending(state=RequestState.COMPLETED), None
    if (foreseen := of_foreseen(state)) is not None:
        return foreseen, None
    if work.is_cancelled or (state is not None and state.is_cancelling()):
        ending = Ending(state=RequestState.CANCELLED, error="cancelled")
        return ending, _unless_final(state, Cancelled(message="cancelled"))
    if end.reason is EndReason.TIMED_OUT:
        text = f"timed out after {work.action.timeout_seconds:g} s"
        return Ending(state=None, error=text), Failed(name="TimedOut", message=text)
    if work.is_handed_back:
        ending = Ending(state=None, error=_HANDED_BACK, is_handed_back=True)
        return ending, _unless_final(state, Cancelled(message=_HANDED_BACK))
    return _of_unhappy_run(end, state)


def of_foreseen(state: State[Any] | None) -> Ending | None:
    """The end of a request whose run ended as was foreseen, unless the run has written it itself.

    Returns:
        None where the run is in no such state.
    """
    outcome = outcomes.of_state(state)
    if state is None or outcome is None:
        return None
    became = None if outcome is Outcome.PUT_OFF else RequestState.FAILED
    return Ending(state=became, error=state.message)


def of_unadopted(error: Exception) -> State[Any]:
    """The final state of a run that Prefect started, and for which there can be no request."""
    foreseen = outcomes.state_of_error(error)
    if foreseen is not None:
        return foreseen
    name = "" if isinstance(error, ProdOpsError) else f"{type(error).__name__}: "
    return Failed(message=f"{name}{error}")


def _of_unhappy_run(end: Ended, state: State[Any] | None) -> tuple[Ending, State[Any] | None]:
    if state is not None and state.is_failed():
        return Ending(state=RequestState.FAILED, error=state.message or "the flow failed"), None
    if state is not None and state.is_cancelled():
        return Ending(state=RequestState.CANCELLED, error=state.message or "cancelled"), None
    if state is not None and state.is_crashed():
        return Ending(state=None, error=state.message or "the run crashed"), None
    was = state.name if state is not None else "deleted"
    text = f"the run's process ended ({end.exit_code}) in state {was}"
    if state is not None and state.is_paused():
        text = "suspending is refused: a resumed run would come back outside its request"
    return Ending(state=None, error=text), Crashed(message=text)


def of_unbegun(work: Work, state: State[Any] | None) -> tuple[Ending, State[Any] | None]:
    """How a run ends that has not begun: it was cancelled, or goes back into the queue.

    Returns:
        As for `of_run`.
    """
    text = _why_cancelled(state) if work.is_cancelled else _HANDED_BACK
    became = RequestState.CANCELLED if work.is_cancelled else None
    ending = Ending(state=became, error=text, is_unbegun=True)
    return ending, _unless_final(state, Cancelled(message=text))


def _why_cancelled(state: State[Any] | None) -> str:
    """Prefect's reason where it has cancelled the run itself, as nobody else may have."""
    return (state.message if state is not None and state.is_cancelled() else None) or "cancelled"


def of_refused_start(state: State[Any] | None) -> Ending:
    """How a request ends whose run, in that state, Prefect does not let start."""
    is_cancelled = state is not None and state.is_cancelled()
    became = RequestState.CANCELLED if is_cancelled else None
    is_unbegun = state is not None and (state.is_scheduled() or is_cancelled)
    why = f": {state.message}" if state is not None and state.message else ""
    error = f"Prefect does not let its run start{why}"
    return Ending(state=became, error=error, is_unbegun=is_unbegun)


def of_unserved(work: Work, error: Exception, *, is_admitted: bool) -> Ending:
    """How a request ends whose run could not be made or executed here."""
    text = f"{type(error).__name__}: {error}"
    if is_admitted or is_outage(error):
        return Ending(state=None, error=text, is_unbegun=not is_admitted)
    # Nothing was done, and nothing is away: what may be repeated is, the rest has failed.
    is_rerun = work.action.on_lost is OnLost.RERUN
    return Ending(state=None if is_rerun else RequestState.FAILED, error=text)


def reason_against(request: Request, action: Action) -> str | None:
    """Why no run can be made of the request: its row may be older than the form, or anybody's."""
    try:
        action.parse(request.parameters)
    except Invalid as error:
        return f"its parameters are not of the action's form: {error}"
    return None


def _unless_final(state: State[Any] | None, final: State[Any]) -> State[Any] | None:
    return None if state is not None and state.is_final() else final
