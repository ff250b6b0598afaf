"""What is kept of each table, and at which pace the rest is deleted. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

_FEWEST_ROWS: Final = 200
_MOST_ROWS: Final = 20_000
_BRIEF_SECONDS: Final = 0.2
_LONG_SECONDS: Final = 0.5
_LONGEST_REST_SECONDS: Final = 5.0


@dataclass
class Pace:
    """How many rows the next piece has, and how long the database rests before it.

    A piece that takes long is a sign that the database is busy with what people and agents wait
    for: then pieces get smaller, and half of the time is left to the others.
    """

    rows: int = 2000
    rest_seconds: float = 0.0

    def note(self, seconds: float) -> None:
        """Go by how long a piece of `rows` took."""
        if seconds > _LONG_SECONDS:
            self.rows = max(_FEWEST_ROWS, self.rows // 2)
            self.rest_seconds = min(seconds, _LONGEST_REST_SECONDS)
            return
        self.rest_seconds = 0.0
        if seconds < _BRIEF_SECONDS:
            self.rows = min(_MOST_ROWS, self.rows * 2)


@dataclass(frozen=True)
class Until:
    """A table whose rows go: the settings that say when."""

    settings: tuple[str, ...]


@dataclass(frozen=True)
class Kept:
    """A table whose rows stay, and why that does no harm."""

    reason: str


def _until(*settings: str) -> Until:
    return Until(tuple(f"PRODOPS_{each}" for each in settings))


_FEW: Final = Kept("a row of each, changed in place")
_FOR_PEOPLE: Final = Kept("what people have set, until they change it")
_OF_PCS: Final = Kept("PCS's records: what was produced, and how")
_OF_RUCIO: Final = Kept("what Rucio holds now: each sweep replaces its campaign's")
_FILES: Final = _until("FASTMON_FILE_DAYS", "FASTMON_FILE_ROWS")
_EVENTS: Final = _until("STREAM_EVENT_DAYS", "STREAM_EVENT_ROWS")
_REQUESTS: Final = _until("HISTORY_REQUEST_DAYS")
_AGENTS: Final = _until("AGENTS_HISTORY_DAYS")
_NOTIFICATIONS: Final = _until("NOTIFICATIONS_HISTORY_DAYS")

TABLES: Final[dict[str, Until | Kept]] = {
    "event": _EVENTS,
    "relayed_state": _until("STREAM_EVENT_DAYS"),
    "request": _REQUESTS,
    "cancellation": _REQUESTS,
    "workflow_run": _REQUESTS,
    "swf_workflow_executions": _REQUESTS,
    "panda_remark": _REQUESTS,
    "provenance_arrivals": _REQUESTS,
    "fastmon_inbox": _FILES,
    "fastmon_watched_file": _until("FASTMON_FILE_DAYS"),
    "swf_stf_files": _FILES,
    "swf_fastmon_files": _FILES,
    "swf_tf_slices": _FILES,
    "fastmon_tally": _FILES,
    "fastmon_first_stf": Kept("a row of each run, by which its first STF is taken once"),
    "fastmon_pruned_run": Kept("a row of each run, so that none of its STFs is taken anew"),
    "fastmon_lease": _FEW,
    "request_transition": Kept("added up within seconds, and gone then"),
    "request_entered": _FEW,
    "request_time": _FEW,
    "swf_runs": Kept("a row of each run"),
    "swf_run_state": Kept("a row of each run"),
    "swf_applog": _until("AGENTS_LOG_DAYS", "AGENTS_LOG_ROWS"),
    "swf_workflow_messages": _AGENTS,
    "swf_subscribers": _AGENTS,
    "swf_systemagent": _AGENTS,
    "swf_stf_workflows": _AGENTS,
    "swf_agent_workflow_stages": _AGENTS,
    "swf_system_state_events": _AGENTS,
    "swf_workers": _AGENTS,
    "testbed_command": _AGENTS,
    "swf_workflow_definitions": _FOR_PEOPLE,
    "swf_namespace": _FOR_PEOPLE,
    "swf_persistent_state": _FEW,
    "bus_seen": _until("BUS_SEEN_DAYS"),
    "bus_set_aside": _until("BUS_SET_ASIDE_DAYS"),
    "bus_position": _FEW,
    "feed_position": _FEW,
    "ops_part": _FEW,
    "registered_deployment": _FEW,
    "api_token": Kept("who could do what, and when; a row of each token"),
    "api_user": _FOR_PEOPLE,
    "api_session": _until("API_COOKIE_DAYS"),
    "api_policy": _FEW,
    "api_action": _FEW,
    "notification": _NOTIFICATIONS,
    "notification_alarm": _NOTIFICATIONS,
    "notification_request_end": _NOTIFICATIONS,
    "notification_watch": _NOTIFICATIONS,
    "expiry_notice": _FEW,
    "notification_channel": _FOR_PEOPLE,
    "notification_rule": _FOR_PEOPLE,
    "notification_address": _FOR_PEOPLE,
    "notification_position": _FEW,
    "payload_log": _until("HISTORY_PAYLOAD_LOG_DAYS"),
    "provenance_live_did": _until("HISTORY_LIVE_DID_DAYS"),
    "provenance_report": Kept("what was reported, and what changed since; a few a month"),
    "provenance_campaign": _OF_RUCIO,
    "provenance_dataset": _OF_RUCIO,
    "provenance_file": _OF_RUCIO,
    "provenance_path": _OF_RUCIO,
    "provenance_match": _OF_RUCIO,
    "provenance_release": _OF_RUCIO,
    "submission_attempt": Kept("by which nothing is submitted twice, however late it is retried"),
    "submission_resolution": Kept("what an operator decided, and why"),
    "panda_operation": Kept("who did what to a task; a row of each operation"),
    "ai_assessment": Kept("what was assessed; rows are never changed"),
    "ai_memory": Kept("the newest of each user: an older one goes as one comes"),
    **dict.fromkeys(
        (
            "pcs_campaign", "pcs_dataset", "pcs_panda_tasks", "pcs_physics_category",
            "pcs_prod_config", "pcs_prod_request", "pcs_prod_task", "pcs_tag", "pcs_tag_counter",
        ),
        _OF_PCS,
    ),
}  # fmt: skip
"""What is kept of each table; one that is not here fails a test."""
