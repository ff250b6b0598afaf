"""One piece of tidying each, retried on its own."""

from __future__ import annotations

import uuid
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from datetime import datetime, timedelta

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
from sqlalchemy.orm import Session

from blocks.errors import ProdOpsError
from flows.common import run
from flows.common.database import now
from flows.common.flow import task
from flows.common.models import Event, RelayedState
from flows.common.settings import settings
from flows.housekeeping import repository
from flows.housekeeping.repository import History

_FINAL = [StateType.COMPLETED, StateType.FAILED, StateType.CRASHED, StateType.CANCELLED]
_RUNS_AT_A_TIME = 200
_MOST_KEPT = 20
_MOST_NAMED = 5
_DELAYS = (10.0, 10.0, 10.0)


class RunsKept(ProdOpsError):
    """Prefect does not delete some flow runs."""

    def __init__(self, kept: Mapping[uuid.UUID, str]) -> None:
        named = ", ".join(f"{key} ({reason})" for key, reason in list(kept.items())[:_MOST_NAMED])
        more = f" and {len(kept) - _MOST_NAMED} more" if len(kept) > _MOST_NAMED else ""
        super().__init__(f"these flow runs could not be deleted: {named}{more}")


@task("delete old events", delays=_DELAYS)
def delete_old_events() -> int:
    """Delete the events that are older than they are kept; gives their number."""
    before = now() - timedelta(days=settings().stream.event_days)
    _in_pieces(RelayedState, before)
    return _in_pieces(Event, before)


@task("delete what came long ago", delays=_DELAYS)
def delete_old_arrivals() -> dict[str, int]:
    """Delete what came in, as old as it is kept, and agents that are silent; gives numbers."""
    configured = settings().agents
    days = dict.fromkeys(History, configured.history_days)
    days[History.LOG_RECORDS] = configured.log_days
    days[History.SEEN_MESSAGES] = settings().bus.seen_days
    days[History.SETTLED_MESSAGES] = settings().bus.set_aside_days
    days |= dict.fromkeys(
        (History.NOTIFICATIONS, History.SPENT_WATCHES, History.REQUEST_ENDS, History.ALARMS),
        settings().notifications.history_days,
    )
    return {
        each.value: _history_in_pieces(each, now() - timedelta(days=days[each])) for each in History
    }


@task("delete old flow runs", delays=_DELAYS, repeated=(Exception,))
def delete_old_flow_runs() -> int:
    """Delete the ended flow runs that are older than they are kept; gives their number.

    Raises:
        RunsKept: Prefect does not delete some of them; the others are gone.
    """
    before = now() - timedelta(days=settings().prefect.history_days)
    deleted, kept = 0, dict[uuid.UUID, str]()
    with get_client(sync_client=True) as client:
        while runs := client.read_flow_runs(
            flow_run_filter=_ended(before, excluding=list(kept)), limit=_RUNS_AT_A_TIME
        ):
            left = _artifacts_of(client, [each.id for each in runs])
            for each in runs:
                if (reason := _refusal(client, each.id, left[each.id])) is None:
                    deleted += 1
                else:
                    kept[each.id] = reason
                if len(kept) > _MOST_KEPT:  # that is no longer one bad run
                    raise RunsKept(kept)
    if kept:
        raise RunsKept(kept)
    return deleted


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


def _in_pieces(model: type[Event | RelayedState], before: datetime) -> int:
    return _repeat(lambda session: repository.delete_piece(session, model, before))


def _history_in_pieces(history: History, before: datetime) -> int:
    return _repeat(lambda session: repository.delete_history_piece(session, history, before))


def _repeat(delete_piece: Callable[[Session], int]) -> int:
    """Delete piece by piece, each in its transaction, until nothing is left; gives the number."""
    total, deleted = 0, repository.PIECE
    while deleted == repository.PIECE:
        deleted = run.current().write(lambda session, _: delete_piece(session))
        total += deleted
    return total
