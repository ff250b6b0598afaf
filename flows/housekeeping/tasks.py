"""One piece of tidying each, retried on its own."""

from __future__ import annotations

import time
import uuid
from collections import defaultdict
from collections.abc import Mapping, Sequence
from contextlib import suppress
from datetime import datetime, timedelta
from operator import attrgetter
from typing import Any, Final

from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.client.schemas.filters import (
    ArtifactFilter,
    ArtifactFilterFlowRunId,
    FlowRunFilter,
    FlowRunFilterEndTime,
    FlowRunFilterId,
    FlowRunFilterState,
    FlowRunFilterStateType,
)
from prefect.client.schemas.objects import StateType
from prefect.exceptions import ObjectNotFound, PrefectHTTPStatusError

from blocks.errors import ProdOpsError
from flows.common import run
from flows.common.database import now
from flows.common.flow import task
from flows.common.settings import settings
from flows.housekeeping import repository
from flows.housekeeping.domain import RULES, History, Limit, Pace

_FINAL = [StateType.COMPLETED, StateType.FAILED, StateType.CRASHED, StateType.CANCELLED]
_RUNS_AT_A_TIME = 200
_MOST_KEPT = 20
_MOST_NAMED = 5
_SHARE_OF_RUNS: Final = 0.25
"""Of the time of a pruning, for Prefect's flow runs; the rest is for the database."""
_DELAYS = (10.0, 10.0, 10.0)
SETTLE_SECONDS = 60.0  # longer than a statement or an idle transaction of the web tier may last


class RunsKept(ProdOpsError):
    """Prefect does not delete some flow runs."""

    def __init__(self, kept: Mapping[uuid.UUID, str]) -> None:
        named = ", ".join(f"{key} ({reason})" for key, reason in list(kept.items())[:_MOST_NAMED])
        more = f" and {len(kept) - _MOST_NAMED} more" if len(kept) > _MOST_NAMED else ""
        super().__init__(f"these flow runs could not be deleted: {named}{more}")


_OF_RUNS: Final = frozenset({History.STFS, History.INBOX, History.TALLIES})


@task("mark runs that are no longer kept", delays=_DELAYS)
def mark_old_runs() -> int:
    """Note of which runs the files go, so that none of them is taken anew; gives their number."""
    limit = _limits()[History.STFS]
    return run.current().write(lambda session, _: repository.mark_runs(session, limit, at=now()))


@task("delete old rows", delays=_DELAYS)
def delete_old_rows(marked: int = 0) -> dict[str, Any]:
    """Delete what is older than it is kept, or more, piece by piece, for a bounded time.

    Args:
        marked: How many runs were just marked.

    Returns:
        How many rows of each kind; under `unfinished`, the kinds that the next pruning goes on
        with.
    """
    deadline = time.monotonic() + settings().history.prune_seconds * (1 - _SHARE_OF_RUNS)
    others = [each for each in History if each not in _OF_RUNS]
    deleted, left = _in_turns(others, deadline)
    if marked:
        # An arrival that looked before its run was marked has been committed, or given up, by then.
        time.sleep(SETTLE_SECONDS)
    of_runs, left_of_runs = _in_turns(sorted(_OF_RUNS), deadline)
    if not left_of_runs:
        run.current().write(lambda session, _: repository.note_empty_runs(session))
    return {**deleted, **of_runs, "unfinished": [*left, *left_of_runs]}


def _in_turns(kinds: Sequence[History], deadline: float) -> tuple[dict[str, int], list[str]]:
    """Delete a piece of each kind in turn, so that none waits for the largest; gives what is left.

    Each piece is a transaction of its own, so that no lock is held long, and what was deleted stays
    deleted when the run ends.
    """
    limits, deleted = _counted(kinds), dict.fromkeys(map(str, kinds), 0)
    paces = {kind: Pace() for kind in kinds}
    while paces and time.monotonic() < deadline:
        for kind, pace in list(paces.items()):
            time.sleep(pace.rest_seconds)  # a share of the time is the others', whatever they do
            number = _delete_piece(kind, limits[kind], pace)
            if number is None:
                del paces[kind]
            deleted[kind] += number or 0
        run.current().show_progress(
            len(kinds) - len(paces), len(kinds), f"{sum(deleted.values()):,} rows are deleted"
        )
    return deleted, [str(kind) for kind in paces]


def _delete_piece(kind: History, limit: Limit, pace: Pace) -> int | None:
    began = time.monotonic()
    number = run.current().write(
        lambda session, _: repository.delete_piece(session, kind, limit, rows=pace.rows)
    )
    pace.note(time.monotonic() - began)
    return number


def _counted(kinds: Sequence[History]) -> dict[History, Limit]:
    """What goes of each kind now, by age and by number."""
    limits = _limits()
    return {
        kind: run.current().read(
            lambda session, kind=kind: repository.counted(session, kind, limits[kind])  # type: ignore[misc]
        )
        for kind in kinds
    }


def _limits() -> dict[History, Limit]:
    """What goes of each kind, by the settings that its rule names."""
    at, value = now(), attrgetter
    return {
        kind: Limit(
            at - timedelta(days=value(rule.days)(settings()) if rule.days else 0.0),
            value(rule.rows)(settings()) if rule.rows else 0,
        )
        for kind, rule in RULES.items()
    }


@task("delete old flow runs", delays=_DELAYS, repeated=(Exception,))
def delete_old_flow_runs() -> dict[str, Any]:
    """Delete the ended flow runs that are older than they are kept, for a bounded time.

    Returns:
        deleted: how many; is_finished: whether none is left for the next pruning.

    Raises:
        RunsKept: Prefect does not delete some of them; the others are gone.
    """
    deadline = time.monotonic() + settings().history.prune_seconds * _SHARE_OF_RUNS
    before = now() - timedelta(days=settings().prefect.history_days)
    deleted, kept, is_finished = 0, dict[uuid.UUID, str](), True
    with get_client(sync_client=True) as client:
        while is_finished and (
            runs := client.read_flow_runs(
                flow_run_filter=_ended(before, excluding=list(kept)), limit=_RUNS_AT_A_TIME
            )
        ):
            left = _artifacts_of(client, [each.id for each in runs])
            for each in runs:
                is_finished = time.monotonic() < deadline
                if not is_finished:
                    break
                if (reason := _refusal(client, each.id, left[each.id])) is None:
                    deleted += 1
                else:
                    kept[each.id] = reason
                if len(kept) > _MOST_KEPT:  # that is no longer one bad run
                    raise RunsKept(kept)
    if kept:
        raise RunsKept(kept)
    return {"deleted": deleted, "is_finished": is_finished}


def _ended(before: datetime, *, excluding: list[uuid.UUID]) -> FlowRunFilter:
    return FlowRunFilter(
        id=FlowRunFilterId(not_any_=excluding) if excluding else None,
        state=FlowRunFilterState(type=FlowRunFilterStateType(any_=_FINAL)),
        end_time=FlowRunFilterEndTime(before_=before),
    )


def _artifacts_of(
    client: SyncPrefectClient, runs: list[uuid.UUID]
) -> defaultdict[uuid.UUID | None, list[uuid.UUID]]:
    """The artifacts of the runs, by run: Prefect keeps them when a run is deleted."""
    of_runs = ArtifactFilter(flow_run_id=ArtifactFilterFlowRunId(any_=runs))
    found = defaultdict[uuid.UUID | None, list[uuid.UUID]](list)
    offset, page = 0, 1
    while page:
        artifacts = client.read_artifacts(artifact_filter=of_runs, offset=offset)
        for each in artifacts:
            found[each.flow_run_id].append(each.id)
        page = len(artifacts)
        offset += page
    return found


def _refusal(
    client: SyncPrefectClient, flow_run_id: uuid.UUID, artifacts: Sequence[uuid.UUID]
) -> str | None:
    """Why Prefect does not delete the run and its artifacts; None where they are gone."""
    try:
        for each in artifacts:
            with suppress(ObjectNotFound):  # somebody else's work
                client.delete_artifact(each)
        with suppress(ObjectNotFound):
            client.delete_flow_run(flow_run_id)
    except PrefectHTTPStatusError as error:
        return f"Prefect answers {error.response.status_code}"
    return None
