"""Makes checks: all at once, each bounded in time, and none able to break the others."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from blocks.errors import ProdOpsError
from deployments.doctor.findings import Check, Condition, Finding, problem, skipped
from deployments.doctor.site import Side, Site

_HUNG: Final = (
    "see whether what it asks is stopped, or behind a firewall; --timeout gives it longer"
)
_BROKEN: Final = "this is an error of the check: please report it"
_SAID: Final = "mend what it says"
_OF_OPS: Final = "the ops side looks at it: run `prodops doctor` as its user"


@dataclass(frozen=True, kw_only=True)
class Examined:
    """A check that was made.

    Attributes:
        seconds: How long it took.
        needs: Names of the checks whose problems kept it from being made.
    """

    check: Check
    findings: Sequence[Finding]
    seconds: float
    needs: tuple[str, ...] = ()

    @property
    def culprits(self) -> tuple[str, ...]:
        """The checks whose problems are in the way of those that need it; none: it may be used."""
        if any(each.condition is Condition.PROBLEM for each in self.findings):
            return (self.check.name,)
        return self.needs


def examine(checks: Iterable[Check], site: Site) -> list[Examined]:
    """Make the checks, in their order; one waits only for those that it needs."""
    done: dict[str, Examined] = {}
    waiting = list(checks)
    names = {each.name for each in waiting}
    while waiting:
        ready = [each for each in waiting if not (names & {*each.needs}) - {*done}]
        done |= {each.check.name: each for each in _made_at_once(ready, site, done)}
        waiting = [each for each in waiting if each.name not in done]
    return list(done.values())


def _made_at_once(
    checks: Sequence[Check], site: Site, done: Mapping[str, Examined]
) -> Iterator[Examined]:
    running = [_Running(each, site, _culprits(each, done)) for each in checks]
    deadline = time.monotonic() + site.timeout_seconds
    for each in running:
        yield each.result(deadline)


def _culprits(check: Check, done: Mapping[str, Examined]) -> tuple[str, ...]:
    """The checks that have to be mended before one can be made."""
    found = [name for each in check.needs if each in done for name in done[each].culprits]
    return tuple(dict.fromkeys(found))


class _Running:
    """A check under way in a thread of its own, which is left alone where it hangs."""

    def __init__(self, check: Check, site: Site, needs: tuple[str, ...]) -> None:
        self._check, self._site, self._needs = check, site, needs
        against = f"mend first: {', '.join(needs)}" if needs else ""
        if check.is_for_ops and site.side is Side.WEB:
            against = _OF_OPS
        self._findings = [skipped(against)] if against else []
        self._began = time.monotonic()
        self._seconds = 0.0
        self._thread = threading.Thread(target=self._look, name=check.name, daemon=True)
        if not against:
            self._thread.start()

    def result(self, deadline: float) -> Examined:
        """What it has found by then."""
        if self._thread.ident is not None:
            self._thread.join(max(0.0, deadline - time.monotonic()))
        found = list(self._findings)  # the thread may go on
        if self._thread.is_alive():
            bound = f"{self._site.timeout_seconds:g} s"
            found.append(problem(f"no answer within {bound}", _HUNG))
            self._seconds = time.monotonic() - self._began
        return Examined(check=self._check, findings=found, seconds=self._seconds, needs=self._needs)

    def _look(self) -> None:
        try:
            for each in self._check.look(self._site):
                self._findings.append(each)
        except ProdOpsError as error:
            self._findings.append(problem(str(error), _SAID))
        except Exception as error:  # noqa: BLE001 - a check that breaks is a finding
            text = f"the check broke: {type(error).__name__}: {error}"
            self._findings.append(problem(" ".join(text.split()), _BROKEN))
        self._seconds = time.monotonic() - self._began
