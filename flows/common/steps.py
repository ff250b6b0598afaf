"""A step of a run: a Prefect task that is repeated through an outage."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Final, ParamSpec, TypeVar, cast

from prefect import task
from tenacity import retry, retry_if_exception_type, stop_after_delay, wait_exponential

from blocks.errors import OutsideUnavailable

_P = ParamSpec("_P")
_T = TypeVar("_T")
_DELAYS: Final = (0.3, 1.0, 2.0, 4.0, 8.0, 15.0, 30.0)
_WRITE_SECONDS: Final = 300.0


def step(
    name: str,
    *,
    is_repeatable: bool = True,
    delays: Sequence[float] = _DELAYS,
    repeated: tuple[type[Exception], ...] = (OutsideUnavailable,),
) -> Callable[[Callable[_P, _T]], Callable[_P, _T]]:
    """A task that is repeated through an outage, by default of about a minute, where it may be."""
    decorator: Any = task(name=name, persist_result=False)
    if is_repeatable:
        decorator = task(
            name=name,
            persist_result=False,
            retries=len(delays),
            retry_delay_seconds=list(delays),
            retry_condition_fn=_is_one_of(repeated),
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


def _is_one_of(repeated: tuple[type[Exception], ...]) -> Callable[[Any, Any, Any], bool]:
    def condition(_task: Any, _run: Any, state: Any) -> bool:
        """Whether a task failed for a reason that may pass: a service that did not answer."""
        try:
            state.result()
        except repeated:
            return True
        except Exception:  # noqa: BLE001 - anything else is not for another try
            return False
        return False

    return condition
