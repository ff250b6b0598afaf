"""A step of a run: a Prefect task that is repeated through an outage."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, ParamSpec, TypeVar, cast

from prefect import task
from tenacity import retry, retry_if_exception_type, stop_after_delay, wait_exponential

from blocks.errors import OutsideUnavailable

_P = ParamSpec("_P")
_T = TypeVar("_T")
_DELAYS: Final = [0.3, 1.0, 2.0, 4.0, 8.0, 15.0, 30.0]
_WRITE_SECONDS: Final = 300.0


def step(
    name: str, *, is_repeatable: bool = True
) -> Callable[[Callable[_P, _T]], Callable[_P, _T]]:
    """A task that is repeated through an outage of about a minute, where it may be."""
    decorator: Any = task(name=name, persist_result=False)
    if is_repeatable:
        decorator = task(
            name=name,
            persist_result=False,
            retries=len(_DELAYS),
            retry_delay_seconds=_DELAYS,
            retry_condition_fn=_is_outage,
        )
    return cast("Callable[[Callable[_P, _T]], Callable[_P, _T]]", decorator)


def persistently(write: Callable[..., _T], *values: Any) -> _T:
    """Write down what happened, however long the database takes to come back."""
    patient = retry(
        retry=retry_if_exception_type(OutsideUnavailable),
        wait=wait_exponential(multiplier=0.2, max=5.0),
        stop=stop_after_delay(_WRITE_SECONDS),
        reraise=True,
    )
    return patient(write)(*values)


def _is_outage(_task: Any, _run: Any, state: Any) -> bool:
    """Whether a task failed because PCS, PanDA or the database did not answer."""
    try:
        state.result()
    except OutsideUnavailable:
        return True
    except Exception:  # noqa: BLE001 - anything else is not for another try
        return False
    return False
