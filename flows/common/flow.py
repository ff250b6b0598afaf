"""What makes a flow of an action, and a task of a step: the only users of Prefect's decorators."""

from __future__ import annotations

import inspect
import logging
from collections.abc import Callable, Sequence
from typing import Annotated, Any, Final, ParamSpec, TypeVar, cast

import prefect
from prefect.exceptions import MissingContextError
from pydantic import BaseModel, Field

from blocks.errors import OutsideUnavailable
from flows.common import run
from flows.common.actions import Action

_P = ParamSpec("_P")
_T = TypeVar("_T")
_DELAYS: Final = (0.3, 1.0, 2.0, 4.0, 8.0, 15.0, 30.0)


def flow(action: Action) -> Callable[[Callable[[Any], _T]], prefect.Flow[..., _T]]:
    """The flow of an action: a function of its form, run with :func:`flows.common.run.current`.

    To Prefect its parameters are the form's fields, one each.
    """

    def decorate(function: Callable[[Any], _T]) -> prefect.Flow[..., _T]:
        def start(**parameters: Any) -> _T:
            form = action.parse(parameters)
            with run.opened(action, say=_log):
                return function(form)

        start.__name__, start.__module__ = function.__name__, function.__module__
        start.__doc__ = _docstring(action)
        start.__signature__ = _signature(action.parameters)  # type: ignore[attr-defined]
        return prefect.flow(
            name=action.flow_name,
            description=action.summary,
            persist_result=False,
            validate_parameters=False,  # the form does
        )(start)

    return decorate


def task(
    name: str,
    *,
    delays: Sequence[float] = _DELAYS,
    repeated: tuple[type[Exception], ...] = (OutsideUnavailable,),
) -> Callable[[Callable[_P, _T]], Callable[_P, _T]]:
    """A task that is repeated through an outage, by default of about a minute.

    Args:
        name: In Prefect's UI.
        delays: Seconds before each repetition; none: it is done once.
        repeated: The errors after which it is.
    """

    def is_passing(_task: Any, _run: Any, state: Any) -> bool:
        return isinstance(state.result(raise_on_failure=False), repeated)

    decorator: Any = prefect.task(
        name=name,
        persist_result=False,
        retries=len(delays),
        retry_delay_seconds=list(delays),
        retry_condition_fn=is_passing,
    )
    return cast("Callable[[Callable[_P, _T]], Callable[_P, _T]]", decorator)


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
