"""What is kept of each table, and at which pace the rest is deleted. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
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


class History(StrEnum):
    """What grows, by the name that its number has in the flow's result."""

    EVENTS = "events"
    EVENTS_BEYOND = "events_beyond"
    """Those that are more than are kept, whatever their age."""
    RELAYED_STATES = "relayed_states"
    REQUESTS = "requests"
    EXECUTIONS = "executions"
    WORKFLOW_RUNS = "workflow_runs"
    REMARKS = "remarks"
    ARRIVALS = "arrivals"
    PAYLOAD_LOGS = "payload_logs"
    LIVE_DIDS = "live_dids"
    STF_WORKFLOWS = "stf_workflows"
    STATE_EVENTS = "state_events"
    WORKERS = "workers"
    COMMANDS = "commands"
    WATCHED_FILES = "watched_files"
    SET_ASIDE_STFS = "set_aside_stfs"
    STFS = "stfs"
    """STF files of pruned runs, with their TF files and slices."""
    INBOX = "inbox"
    """What was announced of pruned runs."""
    TALLIES = "tallies"
    """What came when of pruned runs; the totals are kept."""
    LOG_RECORDS = "log_records"
    MESSAGES = "messages"
    SUBSCRIBERS = "subscribers"
    AGENTS = "agents"
    SEEN_MESSAGES = "seen_messages"
    """By what messages of the bus are recognised when they come again."""
    SETTLED_MESSAGES = "settled_messages"
    """Messages of the bus that were set aside, and settled."""
    NOTIFICATIONS = "notifications"
    """Those that came to their end."""
    SPENT_WATCHES = "spent_watches"
    REQUEST_ENDS = "request_ends"
    """Ends of requests that no notifier has looked at."""
    ALARMS = "alarms"
    """Those that are over."""
    ATTEMPTS = "attempts"
    """Attempts at submissions that came to their end."""
    OPERATIONS = "operations"
    """What was done to live tasks."""
    RESOLUTIONS = "resolutions"
    """What operators decided on submissions."""


@dataclass(frozen=True)
class Limit:
    """What goes: what is older than a time, and what is beyond so many of the newest."""

    before: datetime
    rows: int = 0


@dataclass(frozen=True)
class Rule:
    """When rows of a kind go: settings as `group.field`, and the tables that they count for.

    Attributes:
        tables: Those of the kind.
        days: The age at which its rows go.
        rows: How many of the newest stay, whatever their age.
    """

    tables: tuple[str, ...]
    days: str | None = None
    rows: str | None = None

    @property
    def names(self) -> tuple[str, ...]:
        """Its settings, as the environment names them."""
        return tuple(
            "PRODOPS_" + each.replace(".", "_").upper() for each in (self.days, self.rows) if each
        )


_FILE: Final = ("fastmon.file_days", "fastmon.file_rows")
_REQUEST: Final = "history.request_days"
_ATTEMPT: Final = "history.attempt_days"
_AGENT: Final = ("agents.history_days", "agents.history_rows")
_NOTIFICATION: Final = "notifications.history_days"

RULES: Final[dict[History, Rule]] = {
    History.EVENTS: Rule(("event",), "stream.event_days"),
    History.EVENTS_BEYOND: Rule(("event",), rows="stream.event_rows"),
    History.RELAYED_STATES: Rule(("relayed_state",), "stream.event_days"),
    History.REQUESTS: Rule(("request", "cancellation"), _REQUEST),
    History.EXECUTIONS: Rule(("swf_workflow_executions",), _REQUEST),
    History.WORKFLOW_RUNS: Rule(("workflow_run",), _REQUEST),
    History.REMARKS: Rule(("panda_remark",), _REQUEST),
    History.ARRIVALS: Rule(("provenance_arrivals",), _REQUEST),
    History.ATTEMPTS: Rule(("submission_attempt",), _ATTEMPT),
    History.OPERATIONS: Rule(("panda_operation",), _ATTEMPT),
    History.RESOLUTIONS: Rule(("submission_resolution",), _ATTEMPT),
    History.PAYLOAD_LOGS: Rule(("payload_log",), "history.payload_log_days"),
    History.LIVE_DIDS: Rule(("provenance_live_did",), "history.live_did_days"),
    History.STFS: Rule(("swf_stf_files", "swf_fastmon_files", "swf_tf_slices"), *_FILE),
    History.INBOX: Rule(("fastmon_inbox",), *_FILE),
    History.TALLIES: Rule(("fastmon_tally",), *_FILE),
    History.SET_ASIDE_STFS: Rule(("fastmon_inbox",), "fastmon.file_days"),
    History.WATCHED_FILES: Rule(("fastmon_watched_file",), *_FILE),
    History.LOG_RECORDS: Rule(("swf_applog",), "agents.log_days", "agents.log_rows"),
    History.STF_WORKFLOWS: Rule(("swf_stf_workflows", "swf_agent_workflow_stages"), *_AGENT),
    History.MESSAGES: Rule(("swf_workflow_messages",), *_AGENT),
    History.STATE_EVENTS: Rule(("swf_system_state_events",), *_AGENT),
    History.SUBSCRIBERS: Rule(("swf_subscribers",), "agents.history_days"),
    History.AGENTS: Rule(("swf_systemagent",), "agents.history_days"),
    History.WORKERS: Rule(("swf_workers",), "agents.history_days"),
    History.COMMANDS: Rule(("testbed_command",), "agents.history_days"),
    History.SEEN_MESSAGES: Rule(("bus_seen",), "bus.seen_days", "bus.seen_rows"),
    History.SETTLED_MESSAGES: Rule(("bus_set_aside",), "bus.set_aside_days"),
    History.NOTIFICATIONS: Rule(("notification",), _NOTIFICATION),
    History.ALARMS: Rule(("notification_alarm",), _NOTIFICATION),
    History.SPENT_WATCHES: Rule(("notification_watch",), _NOTIFICATION),
    History.REQUEST_ENDS: Rule(("notification_request_end",), _NOTIFICATION),
}
"""By which settings each kind goes: `prune_history` and the page of what is kept go by it."""


def _going() -> dict[str, Until]:
    """The tables whose rows go, with all of their settings."""
    named: dict[str, dict[str, None]] = {}
    for rule in RULES.values():
        for table in rule.tables:
            named.setdefault(table, {}).update(dict.fromkeys(rule.names))
    return {table: Until(tuple(names)) for table, names in named.items()}


_FEW: Final = Kept("a row of each, changed in place")
_FOR_PEOPLE: Final = Kept("what people have set, until they change it")
_OF_PCS: Final = Kept("PCS's records: what was produced, and how")
_OF_RUCIO: Final = Kept("what Rucio holds now: each sweep replaces its campaign's")

TABLES: Final[dict[str, Until | Kept]] = {
    **_going(),
    "fastmon_first_stf": Kept("a row of each run, by which its first STF is taken once"),
    "fastmon_pruned_run": Kept("a row of each run, so that none of its STFs is taken anew"),
    "fastmon_lease": _FEW,
    "request_transition": Kept("added up within seconds, and gone then"),
    "request_entered": _FEW,
    "request_time": _FEW,
    "swf_runs": Kept("a row of each run"),
    "swf_run_state": Kept("a row of each run"),
    "swf_workflow_definitions": _FOR_PEOPLE,
    "swf_namespace": _FOR_PEOPLE,
    "swf_persistent_state": _FEW,
    "bus_position": _FEW,
    "feed_position": _FEW,
    "ops_part": _FEW,
    "registered_deployment": _FEW,
    "api_token": Kept("who could do what, and when; a row of each token"),
    "api_user": _FOR_PEOPLE,
    "api_session": Until(("PRODOPS_API_COOKIE_DAYS",)),
    "api_policy": _FEW,
    "api_action": _FEW,
    "expiry_notice": _FEW,
    "notification_channel": _FOR_PEOPLE,
    "notification_rule": _FOR_PEOPLE,
    "notification_address": _FOR_PEOPLE,
    "notification_position": _FEW,
    "provenance_report": Kept("what was reported, and what changed since; a few a month"),
    "provenance_campaign": _OF_RUCIO,
    "provenance_dataset": _OF_RUCIO,
    "provenance_file": _OF_RUCIO,
    "provenance_path": _OF_RUCIO,
    "provenance_match": _OF_RUCIO,
    "provenance_release": _OF_RUCIO,
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
