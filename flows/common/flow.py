"""What makes a flow of an action, and a task of a step: the only users of Prefect's decorators."""

from __future__ import annotations

import inspect
import logging
from collections.abc import Callable, Sequence
from functools import wraps
from typing import Annotated, Any, Final, ParamSpec, TypeVar, cast

import prefect
from prefect.client.schemas.objects import State
from prefect.context import FlowRunContext, TaskRunContext
from prefect.exceptions import MissingContextError
from prefect.states import Completed
from prefect.utilities.annotations import opaque
from pydantic import BaseModel, Field

from blocks import tracing
from blocks.errors import OutsideUnavailable, ProdOpsError
from flows.common import outcomes, run
from flows.common.actions import Action
from flows.common.credential_paths import credential_paths

_P = ParamSpec("_P")
_T = TypeVar("_T")
_DELAYS: Final = (0.3, 1.0, 2.0, 4.0, 8.0, 15.0, 30.0)


def flow(action: Action) -> Callable[[Callable[[Any], _T]], prefect.Flow[..., _T]]:
    """The flow of an action: a function of its form, run with :func:`flows.common.run.current`.

    To Prefect its parameters are the form's fields, one each. An end that was foreseen is a state
    (see :mod:`flows.common.outcomes`), of which Prefect logs a line and no traceback.
    """

    def decorate(function: Callable[[Any], _T]) -> prefect.Flow[..., _T]:
        def start(**parameters: Any) -> _T | State[Any]:
            try:
                form = action.parse(parameters)
                with run.opened(action, say=_log) as present, present.traced():
                    value = function(form)
                    if present.progress is not None:
                        present.progress.complete()
                    return value
            except ProdOpsError as error:
                # Prefect makes the state's message of it, which becomes the request's error.
                error.args = tuple(map(_without_paths, error.args))
                state = outcomes.state_of_error(error)
                if state is None or FlowRunContext.get() is None:  # called without Prefect
                    raise
                return state

        start.__name__, start.__module__ = function.__name__, function.__module__
        start.__doc__ = _docstring(action)
        start.__signature__ = _signature(action.parameters)  # type: ignore[attr-defined]
        decorated = prefect.flow(
            name=action.flow_name,
            description=action.summary,
            persist_result=False,
            validate_parameters=False,  # the form does
        )(start)
        return cast("prefect.Flow[..., _T]", decorated)

    return decorate


def task(
    name: str,
    *,
    delays: Sequence[float] = _DELAYS,
    repeated: tuple[type[Exception], ...] = (OutsideUnavailable,),
    puts_off: bool = False,
) -> Callable[[Callable[_P, _T]], Callable[_P, _T]]:
    """A task that is repeated through an outage, by default of about a minute.

    One that ends as was foreseen is completed to Prefect, in a state of the outcome's name, and
    raises its error to the flow.

    Args:
        name: In Prefect's UI.
        delays: Seconds before each repetition; none: it is done once.
        repeated: The errors after which it is.
        puts_off: Whether its flow puts the run off where they go on, so that they are foreseen.
    """
    lasting = outcomes.Outcome.PUT_OFF if puts_off else None

    def is_passing(_task: Any, _run: Any, state: Any) -> bool:
        return isinstance(state.result(raise_on_failure=False), repeated)

    def decorate(function: Callable[_P, _T]) -> Callable[_P, _T]:
        step = _Task(
            _foreseeing(name, function, repeated, repetitions=len(delays), lasting=lasting),
            name=name,
            persist_result=False,
            retries=len(delays),
            retry_delay_seconds=list(delays),
            retry_condition_fn=is_passing,
        )
        return cast("Callable[_P, _T]", step)

    return decorate


class _Task(prefect.Task[..., Any]):
    """A task whose foreseen errors are states to Prefect, and errors to the flow.

    What it is given is not searched for results of other tasks: a campaign's files would be, twice.
    """

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        named = {name: opaque(value) for name, value in kwargs.items()}
        value: Any = super().__call__(*map(opaque, args), **named)
        if isinstance(value, State):
            raise value.result(raise_on_failure=False)
        return value


def _foreseeing(
    name: str,
    function: Callable[_P, _T],
    repeated: tuple[type[Exception], ...],
    *,
    repetitions: int,
    lasting: outcomes.Outcome | None,
) -> Callable[_P, _T | State[Any]]:
    """The function with its foreseen errors as states, each of which holds the error.

    Args:
        name: The task's, of whose attempts each is a span.
        function: What the task does.
        repeated: The errors after which Prefect calls it again.
        repetitions: How often.
        lasting: What it is when they go on after that; None: a failure.
    """

    @wraps(function)
    def attempt(*args: _P.args, **kwargs: _P.kwargs) -> _T | State[Any]:
        try:
            with tracing.span(name):
                return function(*args, **kwargs)
        except ProdOpsError as error:
            context = TaskRunContext.get()
            if context is None:  # called without Prefect
                raise
            outcome = outcomes.of_error(error)
            if isinstance(error, repeated):
                is_last = context.task_run.run_count > repetitions
                outcome = lasting if is_last else None
            if outcome is None:
                raise
            # Prefect logs a task's end in any state that is not completed as an error.
            message = outcomes.message_of(error)
            return Completed(name=str(outcome), message=message, data=error)

    return attempt


def _without_paths(value: object) -> object:
    return credential_paths.without(value) if isinstance(value, str) else value


def _log(line: str) -> None:
    """Write it to the log of the run, or of its task; without Prefect, to Python's."""
    try:
        logger: Any = prefect.get_run_logger()
    except MissingContextError:  # the function that a flow wraps was called
        logger = logging.getLogger(__name__)
    logger.info(line)


def _signature(form: type[BaseModel]) -> inspect.Signature:
    parameters = [
        inspect.Parameter(
            name,
            inspect.Parameter.KEYWORD_ONLY,
            # Not the whole field: with its default, Prefect would show none of its schema.
            annotation=Annotated[field.rebuild_annotation(), Field(description=field.description)],
            default=inspect.Parameter.empty
            if field.is_required()
            else field.get_default(call_default_factory=True),
        )
        for name, field in form.model_fields.items()
    ]
    return inspect.Signature(parameters)


def _docstring(action: Action) -> str:
    """What `prefect deploy` reads the descriptions of the parameters from."""
    fields = action.parameters.model_fields.items()
    lines = [f"    {name}: {field.description}" for name, field in fields if field.description]
    return "\n".join([action.summary, "", "Args:", *lines] if lines else [action.summary])
