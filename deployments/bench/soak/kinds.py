"""The kinds of triggers of the mixed load, and how each must end."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from deployments.bench.outage.load import Wish

_COMPLETED: Final = frozenset({"completed"})
_FAILED: Final = frozenset({"failed"})


class Kind(StrEnum):
    """What is asked for, by an action each; some end as failed, by what was asked.

    A workflow is stopped some triggers after it was begun, so that it is accepted by then.
    """

    CHECK_PIPELINE = "check_pipeline"
    SUBMIT = "submit_task"
    FETCH = "fetch_payload_log"
    OPERATE = "panda_task_operation"
    SYNC = "sync_task_states"
    READ_DID = "read_did"
    SWEEP_ONE = "campaign_provenance_sweep"
    STOPPED_WORKFLOW = "run_workflow until it is stopped"
    REPORT = "report_completion"
    UPDATE_EVGEN = "evgen_rucio_update"
    REGISTER_EVGEN = "register_evgen"
    SWEEP_ARRIVALS = "sweep_arrivals"
    UPDATE_SNAPSHOT = "rucio_snapshot_update"
    RUN_WORKFLOW = "run_workflow"
    SAMPLE = "sample_stfs"
    PRUNE_HISTORY = "prune_history"
    PRUNE_LOGS = "prune_payload_logs"
    STOP_WORKFLOW = "stop_workflow"
    FETCH_UNKNOWN = "fetch_payload_log of an unknown job"
    SWEEP_UNKNOWN = "campaign_provenance_sweep of an unknown campaign"
    RESOLVE_SETTLED = "resolve_submission of a settled one"
    SWEEP_ALL = "sweep_producing_campaigns"
    CANARY = "run_canary"


MIXED: Final = tuple(kind for kind in Kind if kind not in {Kind.SWEEP_ALL, Kind.CANARY})
"""The kinds that are asked for in turn, in this order."""
RARE: Final = (Kind.SWEEP_ALL, Kind.CANARY)
"""Those that are asked for every few minutes."""
UNTIMED: Final = frozenset({Kind.STOPPED_WORKFLOW, Kind.SAMPLE})
"""Those that last until something else happens."""
LEFT_OUT: Final[Mapping[str, str]] = {
    "settle_message": "it takes a message that the bridge has set aside",
}
"""The actions that are not asked for, and why."""


@dataclass(frozen=True)
class Ending:
    """How a request must end: in one of these states; failed, for what the pattern finds."""

    states: frozenset[str] = _COMPLETED
    error: str = ""

    def is_met(self, state: str, error: str | None) -> bool:
        """Whether a request that ended so ended as it must."""
        is_its_own = state not in _FAILED or re.search(self.error, error or "") is not None
        return state in self.states and is_its_own

    def __str__(self) -> str:
        wanted = " or ".join(sorted(self.states))
        return f"{wanted}: {self.error}" if self.error else wanted


_ENDINGS: Final[Mapping[Kind, Ending]] = {
    # Where it was stopped before it began, it is cancelled.
    Kind.STOPPED_WORKFLOW: Ending(frozenset({"completed", "cancelled"})),
    # It has a time limit: where the stack is slow it says so, which is a matter of latency.
    Kind.CANARY: Ending(_COMPLETED | _FAILED, "heard of on the stream in time"),
    Kind.FETCH_UNKNOWN: Ending(_FAILED, "PanDA knows no such job"),
    Kind.SWEEP_UNKNOWN: Ending(_FAILED, "PCS does not know it, and Rucio has nothing of it"),
    Kind.RESOLVE_SETTLED: Ending(_FAILED, "nothing was decided"),
}


def ending_of(kind: Kind) -> Ending:
    """How the requests of a kind must end."""
    return _ENDINGS.get(kind, Ending())


@dataclass(frozen=True)
class Trigger:
    """A wish, and what kind it is of."""

    kind: Kind
    wish: Wish
