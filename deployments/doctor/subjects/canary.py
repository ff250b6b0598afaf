"""The last canary: whether it came back from the whole chain, and when."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Final

from api.system.queries import canary
from deployments.doctor.findings import Check, Finding, ok, problem, skipped, warning
from deployments.doctor.site import Site
from flows.common.database import now

_LATE: Final = timedelta(minutes=45)  # three of its periods
_AGAIN: Final = "mend what it says, then walk again: `prodops canary`"
_SCHEDULE: Final = (
    "see whether the worker runs, and whether the schedule of run_canary is paused at Prefect"
)


def _look(site: Site) -> Iterator[Finding]:
    is_expected = site.settings.canary.is_scheduled
    with site.session() as session:
        last = canary.last(session)
    if last is None:
        text = "none has come back yet"
        yield warning(text, "walk now: `prodops canary`") if is_expected else skipped(text)
        return
    text = f"{last.state} at {last.at:%Y-%m-%d %H:%M} UTC (request {last.request_id})"
    if last.state == "failed":
        yield problem(f"{text}: {last.error}", _AGAIN)
    elif last.state == "unknown":
        yield warning(f"{text}: {last.error}", _AGAIN)
    elif is_expected and now() - last.at > _LATE:
        yield warning(f"{text}, and none since", _SCHEDULE)
    else:
        yield ok(text)


CHECKS = (
    Check(
        name="canary",
        summary="whether the last canary came back from the whole chain",
        look=_look,
        needs=("schema",),
    ),
)
