"""The outside behind a leg: whether it answers, so that a leg that fails by it is unknown."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from typing import Final

from blocks.checks import Check, find
from blocks.errors import OutsideUnavailable
from blocks.panda_server.check import checks as checks_of_panda
from blocks.rucio_catalog.check import checks as checks_of_rucio
from flows.canary.legs import LegFailed, LegSkipped, LegUnknown
from flows.common import adapters
from flows.common.outsides import PANDA, RUCIO_LOGS, RUCIO_PRODUCED, Outside
from flows.common.sources import Sources

_IS_ALIVE: Final = frozenset({"is alive", "ping"})
_MOST_SECONDS: Final = 10.0


def ask_rucio(sources: Sources, *, seconds: float) -> str:
    """Ask Rucio whether it is there, and who we are.

    Raises:
        LegSkipped: None is configured.
        LegUnknown: It does not answer.
        LegFailed: It does not know us.
    """
    outside = next((each for each in (RUCIO_PRODUCED, RUCIO_LOGS) if sources.has(each)), None)
    if outside is None:
        raise LegSkipped("no Rucio is configured, and no dataset is set: PRODOPS_CANARY_DID")
    found = [_checked(outside, each, seconds) for each in _CHECKS[outside](sources)]
    return "; ".join(found[1:])  # the first says that files can be read


def require_answers(sources: Sources, *outsides: Outside) -> None:
    """See that outside services answer, those that are configured.

    Raises:
        LegUnknown: One does not.
    """
    for outside in outsides:
        if sources.has(outside):
            for each in _CHECKS[outside](sources):
                if each.what in _IS_ALIVE:
                    _alive(outside, each)


def _alive(outside: Outside, check: Check) -> None:
    try:
        _checked(outside, check, _MOST_SECONDS)
    except LegFailed:  # it answers, though not as it should: what failed says it
        return


def _checked(outside: Outside, check: Check, seconds: float) -> str:
    """What the check finds; whether it is the outside that does not answer is told apart."""
    away: list[OutsideUnavailable] = []

    def look() -> str:
        try:
            return check.look()
        except OutsideUnavailable as error:
            away.append(error)
            raise

    found = find(replace(check, look=look), seconds=seconds)
    if found.is_good:
        return found.text
    is_silent = found.text.startswith("no answer within")
    kind = LegUnknown if away or is_silent else LegFailed
    raise kind(f"{outside.title}, {found.what}: {found.text}")


def _of_panda(sources: Sources) -> Iterator[Check]:
    return checks_of_panda(adapters.panda(sources))


def _of_produced(sources: Sources) -> Iterator[Check]:
    return checks_of_rucio(adapters.rucio_produced(sources), None)


def _of_logs(sources: Sources) -> Iterator[Check]:
    return checks_of_rucio(adapters.rucio_logs(sources), adapters.proxy_file(sources))


_CHECKS: Final[Mapping[Outside, Callable[[Sources], Iterator[Check]]]] = {
    PANDA: _of_panda,
    RUCIO_PRODUCED: _of_produced,
    RUCIO_LOGS: _of_logs,
}
