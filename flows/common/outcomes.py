"""Foreseen outcomes: how a run ends that was refused, found nothing, or goes on later.

Each has a state of its own at Prefect, of a type that its pages do not show in red: red is left
for what nobody foresaw.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Any, Final

from prefect.client.schemas.objects import State
from prefect.states import Cancelled

from blocks.errors import Forbidden, Invalid, NotFound, Refused
from flows.common import text
from flows.common.credential_paths import credential_paths
from flows.common.run import RunPutOff

_MOST_CHARACTERS: Final = 5000


class Outcome(StrEnum):
    """The name of a state in which a run ends as was foreseen."""

    REFUSED = "Refused"
    """What was asked contradicts what is recorded, or may not be done now."""
    NOT_FOUND = "NotFound"
    """There is nothing of that name."""
    INVALID = "Invalid"
    """The parameters are not of the action's form."""
    FORBIDDEN = "Forbidden"
    """Whoever asks may not do this."""
    PUT_OFF = "PutOff"
    """The request waits, and a later run goes on."""


_OUTCOMES: Final[tuple[tuple[type[Exception], Outcome], ...]] = (
    (RunPutOff, Outcome.PUT_OFF),
    (NotFound, Outcome.NOT_FOUND),
    (Forbidden, Outcome.FORBIDDEN),
    (Invalid, Outcome.INVALID),
    (Refused, Outcome.REFUSED),
)


def of_error(error: BaseException) -> Outcome | None:
    """The outcome that an error stands for, by its class or that of what caused it.

    Returns:
        None where nobody foresaw it.
    """
    cause: BaseException | None = error
    while cause is not None:
        for kind, outcome in _OUTCOMES:
            if isinstance(cause, kind):
                return outcome
        cause = cause.__cause__
    return None


def state_of_error(error: BaseException) -> State[Any] | None:
    """The state in which the error ends a run; None where nobody foresaw it."""
    outcome = of_error(error)
    return None if outcome is None else Cancelled(name=outcome.value, message=message_of(error))


def of_state(state: State[Any] | None) -> Outcome | None:
    """The outcome that a run's state stands for; None where it is none of ours."""
    if state is None or not state.is_cancelled() or state.name not in set(Outcome):
        return None
    return Outcome(state.name)


def message_of(error: BaseException) -> str:
    """An error's text as the message of a state, which Prefect keeps in its database."""
    return text.kept(credential_paths.without(str(error)))[:_MOST_CHARACTERS]
