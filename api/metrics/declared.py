"""Every metric, declared once: name, kind, labels, and what it says."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Final


class Kind(StrEnum):
    """How Prometheus reads a metric."""

    COUNTER = "counter"
    GAUGE = "gauge"
    HISTOGRAM = "histogram"


class Source(StrEnum):
    """Whose metric it is: every web process shows its own, and the same of the others."""

    PROCESS = "this web process"
    DATABASE = "the database"
    PARTS = "the parts of the ops side"


@dataclass(frozen=True, kw_only=True)
class Metric:
    """A metric.

    Attributes:
        name: With its unit; a counter's ends in `_total`.
        kind: How it is read.
        source: Whose it is.
        help: What it says.
        labels: The names of its labels.
    """

    name: str
    kind: Kind
    source: Source
    help: str
    labels: tuple[str, ...] = ()

    @property
    def series(self) -> tuple[str, ...]:
        """The names under which its values are found."""
        if self.kind is Kind.HISTOGRAM:
            return tuple(f"{self.name}_{part}" for part in ("bucket", "count", "sum"))
        return (self.name,)


def _process(name: str, kind: Kind, text: str, *labels: str) -> Metric:
    return Metric(name=name, kind=kind, source=Source.PROCESS, help=text, labels=labels)


def _database(name: str, kind: Kind, text: str, *labels: str) -> Metric:
    return Metric(name=name, kind=kind, source=Source.DATABASE, help=text, labels=labels)


def _part(name: str, kind: Kind, text: str, *labels: str) -> Metric:
    return Metric(name=name, kind=kind, source=Source.PARTS, help=text, labels=labels)


# ------------------------------------------------------------------ this web process

BUILD_INFO: Final = _process(
    "prodops_build_info", Kind.GAUGE, "1, with the version that serves.", "version"
)
DATABASE_UP: Final = _process(
    "prodops_database_up", Kind.GAUGE,
    "1 where the database answered this scrape; 0: what is of the database or of the parts is "
    "left out.",
)  # fmt: skip
HTTP_SECONDS: Final = _process(
    "prodops_http_request_seconds", Kind.HISTOGRAM,
    "Seconds from a request to the begin of its answer; the stream is not among them.",
    "method", "route", "status",
)  # fmt: skip
STREAM_CLIENTS: Final = _process(
    "prodops_stream_clients", Kind.GAUGE, "Clients of the stream that are connected."
)
STREAM_LAG: Final = _process(
    "prodops_stream_lag_seconds", Kind.GAUGE,
    "How long the client that is farthest behind has waited for its oldest unsent event.",
)  # fmt: skip
STREAM_PENDING: Final = _process(
    "prodops_stream_pending_bytes", Kind.GAUGE, "Bytes that wait to be sent, of all clients."
)
STREAM_CUT_OFF: Final = _process(
    "prodops_stream_cut_off_total", Kind.COUNTER,
    "Clients that were cut off: they could not keep up, or their token had ended.",
)  # fmt: skip
EVENT_LAG: Final = _process(
    "prodops_event_lag_seconds", Kind.HISTOGRAM,
    "Seconds from an event's announcement until this process read it, by both clocks.",
)  # fmt: skip
FEED_SILENT: Final = _process(
    "prodops_feed_silent_seconds", Kind.GAUGE,
    "For how long the database has not answered the reader of events, which asks every 2 s.",
)  # fmt: skip

# ------------------------------------------------------------------ the database

REQUESTS: Final = _database(
    "prodops_requests", Kind.GAUGE, "Open requests: waiting, held by a run, or of unknown effect.",
    "action", "state",
)  # fmt: skip
QUEUE_DEPTH: Final = _database(
    "prodops_queue_depth", Kind.GAUGE, "Requests that wait and could begin now.", "action"
)
QUEUE_OLDEST: Final = _database(
    "prodops_queue_oldest_seconds", Kind.GAUGE,
    "How long the oldest request has waited that could begin now; 0 where none waits.", "action",
)  # fmt: skip
REQUEST_STATES: Final = _database(
    "prodops_request_state_entered_total", Kind.COUNTER,
    "Requests that entered a state, a new one included; it does not go back when history is "
    "deleted.", "action", "state",
)  # fmt: skip
REQUEST_LAST: Final = _database(
    "prodops_request_state_last_entered_timestamp_seconds", Kind.GAUGE,
    "When a request of the action last entered the state, in Unix time.", "action", "state",
)  # fmt: skip
STATE_SECONDS: Final = _database(
    "prodops_request_state_seconds", Kind.HISTOGRAM,
    "Seconds that requests were in a state which they have left.", "action", "state",
)  # fmt: skip
CANARY: Final = _database(
    "prodops_canary_last_success_timestamp_seconds", Kind.GAUGE,
    "When the last canary was over that walked every leg and passed, in Unix time; no value where "
    "none of the newest 3,000 did.",
)  # fmt: skip
EVENTS: Final = _database("prodops_events_total", Kind.COUNTER, "Ids that were given to events.")
STFS: Final = _database(
    "prodops_stfs_received_total", Kind.COUNTER,
    "Ids that were given to announced STFs; some to one that was announced again.",
)  # fmt: skip
STFS_SAMPLED: Final = _database(
    "prodops_stfs_sampled_total", Kind.COUNTER,
    "STFs that were sampled; it does not go back when history is deleted.",
)  # fmt: skip
TFS: Final = _database(
    "prodops_tfs_registered_total", Kind.COUNTER,
    "TF files that were registered; it does not go back when history is deleted.",
)  # fmt: skip
STFS_RECENT: Final = _database(
    "prodops_stfs_recent", Kind.GAUGE,
    "What became of the newest 1,000 STFs: waiting, sampled, passed or set_aside.", "state",
)  # fmt: skip
SAMPLED_RATIO: Final = _database(
    "prodops_stf_sampled_ratio", Kind.GAUGE,
    "Which part of the newest STFs that were decided is sampled; no value where there is none.",
)  # fmt: skip

# ------------------------------------------------------------------ the parts

PART_HEARD: Final = _part(
    "prodops_part_last_heard_seconds", Kind.GAUGE,
    "How long ago a part was last heard; each says every 5 s that it is there.", "kind", "part",
)  # fmt: skip
PART_RESTARTS: Final = _part(
    "prodops_part_restarts_total", Kind.COUNTER,
    "How often another process than before was first heard of the part.", "kind", "part",
)  # fmt: skip
PART_STARTED: Final = _part(
    "prodops_part_started_timestamp_seconds", Kind.GAUGE,
    "When the part's process started, in Unix time.", "kind", "part",
)  # fmt: skip
PREFECT_AWAY: Final = _part(
    "prodops_part_prefect_away_seconds", Kind.GAUGE,
    "For how long Prefect has not answered the part; 0: it answers.", "kind", "part",
)  # fmt: skip
PREFECT_OUTAGES: Final = _part(
    "prodops_part_prefect_outages_total", Kind.COUNTER,
    "How often Prefect has ceased to answer the part since that started; a restart that is shorter "
    "than 5 s may not be seen.", "kind", "part",
)  # fmt: skip
RUNS: Final = _part("prodops_runs", Kind.GAUGE, "Runs that a worker has in hand.", "part")
RUN_SLOTS: Final = _part(
    "prodops_run_slots", Kind.GAUGE, "Runs that a worker runs at a time, at most.", "part"
)
BUS_MESSAGES: Final = _part(
    "prodops_bus_messages_total", Kind.COUNTER,
    "Messages of the bus since the part started: received, or sent.", "part", "direction",
)  # fmt: skip
OUTSIDE_CALLS: Final = _part(
    "prodops_outside_calls_total", Kind.COUNTER,
    "Calls to outside services since the part started, those of a worker's runs included.",
    "part", "system", "outcome",
)  # fmt: skip
OUTSIDE_SECONDS: Final = _part(
    "prodops_outside_call_seconds", Kind.HISTOGRAM, "Seconds that such calls took.",
    "part", "system", "outcome",
)  # fmt: skip
CREDENTIAL_DAYS: Final = _part(
    "prodops_credential_days_left", Kind.GAUGE,
    "Days until a credential of the ops side expires, the least that a worker says; not of one "
    "that is renewed by itself, unless it has expired or was not renewed in time.", "credential",
)  # fmt: skip
CREDENTIAL_GOOD: Final = _part(
    "prodops_credential_usable", Kind.GAUGE,
    "1 where every worker that is heard can use the credential.", "credential",
)  # fmt: skip

METRICS: Final = tuple(value for value in dict(globals()).values() if isinstance(value, Metric))
"""All of them, in the order in which they are shown."""
