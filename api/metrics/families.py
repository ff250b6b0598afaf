"""The metrics' values as prometheus-client wants them: one family a metric. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
)
from prometheus_client.core import (
    Metric as Family,
)

from api.http.measures import HttpMeasures
from api.http.stream import Feed
from api.metrics import declared
from api.metrics.credentials import left
from api.metrics.declared import Kind, Metric
from api.metrics.queries import Common, PartRow
from blocks.histogram import Histogram
from flows.common import part_measures
from flows.fastmon.models import TallyKind

Value = tuple[Sequence[str], float | Histogram]
"""The values of a metric's labels, and its own."""
_LONGEST: Final = 200
_DECIDED: Final = ("sampled", "passed")


def family(metric: Metric, values: Iterable[Value]) -> Family:
    """The family of a metric with these values."""
    names = list(metric.labels)
    if metric.kind is Kind.HISTOGRAM:
        histogram = HistogramMetricFamily(metric.name, metric.help, labels=names)
        for labels, value in values:
            assert isinstance(value, Histogram)  # noqa: S101 - the declaration says so
            histogram.add_metric(_shown(labels), value.cumulated(), value.seconds)
        return histogram
    kind = CounterMetricFamily if metric.kind is Kind.COUNTER else GaugeMetricFamily
    made = kind(metric.name, metric.help, labels=names)
    for labels, value in values:
        assert not isinstance(value, Histogram)  # noqa: S101 - the declaration says so
        made.add_metric(_shown(labels), value)
    return made


def of_process(
    feed: Feed, measures: HttpMeasures, version: str, *, is_database_up: bool
) -> Iterator[Family]:
    """What this web process knows of itself."""
    clients = feed.clients
    yield family(declared.BUILD_INFO, [((version,), 1)])
    yield family(declared.DATABASE_UP, [((), is_database_up)])
    yield family(
        declared.HTTP_SECONDS,
        [((key.method, key.route, str(key.status)), times) for key, times in _http(measures)],
    )
    yield family(declared.STREAM_CLIENTS, [((), len(clients))])
    yield family(
        declared.STREAM_LAG, [((), max((each.lag_seconds for each in clients), default=0.0))]
    )
    yield family(declared.STREAM_PENDING, [((), sum(each.pending_bytes for each in clients))])
    yield family(declared.STREAM_CUT_OFF, [((), feed.cut_off)])
    yield family(declared.EVENT_LAG, [((), feed.event_lags)])
    yield family(declared.FEED_SILENT, [((), feed.silent_seconds)])


def of_database(found: Common) -> Iterator[Family]:
    """What the database knows of requests, events and STFs."""
    known = found.open
    yield family(declared.REQUESTS, [((each.action, each.state), each.number) for each in known])
    yield family(declared.QUEUE_DEPTH, _by_action(found, lambda each: each.due, sum))
    yield family(declared.QUEUE_OLDEST, _by_action(found, lambda each: each.oldest_seconds, max))
    yield family(
        declared.REQUEST_STATES,
        [((each.action, each.state), each.number) for each in found.entered],
    )
    yield family(
        declared.REQUEST_LAST,
        [((each.action, each.state), each.last_at.timestamp()) for each in found.entered],
    )
    yield family(
        declared.STATE_SECONDS, [((each.action, each.state), each.times) for each in found.times]
    )
    passed = found.canary_passed
    yield family(declared.CANARY, [] if passed is None else [((), passed.timestamp())])
    yield family(declared.EVENTS, [((), found.events)])
    yield family(declared.STFS, [((), found.stfs)])
    yield family(declared.STFS_SAMPLED, [((), found.sampled.get(TallyKind.SAMPLED, 0))])
    yield family(declared.TFS, [((), found.sampled.get(TallyKind.TFS, 0))])
    yield family(
        declared.STFS_RECENT, [((state,), number) for state, number in found.stfs_recent.items()]
    )
    yield family(declared.SAMPLED_RATIO, _sampled_ratio(found.stfs_recent))


def of_parts(found: Common) -> Iterator[Family]:
    """What the parts of the ops side have said of themselves."""
    rows = found.parts
    yield family(declared.PART_HEARD, [(_part(each), each.heard_seconds) for each in rows])
    yield family(declared.PART_RESTARTS, [(_part(each), each.restarts) for each in rows])
    yield family(
        declared.PART_STARTED,
        [(_part(each), each.started) for each in rows if each.started is not None],
    )
    yield family(declared.PREFECT_AWAY, [(_part(each), each.prefect_away_seconds) for each in rows])
    measures = [(each, part_measures.read(each.details)) for each in rows]
    yield family(
        declared.PREFECT_OUTAGES,
        [
            (_part(row), each.prefect_outages)
            for row, each in measures
            if each.prefect_outages is not None
        ],
    )
    said = [(row.name, each) for row, each in measures]
    workers = [(name, each) for name, each in said if each.runs is not None]
    yield family(declared.RUNS, [((name,), each.runs or 0) for name, each in workers])
    yield family(declared.RUN_SLOTS, [((name,), each.slots or 0) for name, each in workers])
    yield family(
        declared.BUS_MESSAGES,
        [
            ((name, direction), number)
            for name, each in said
            for direction, number in each.messages.items()
            if number
        ],
    )
    calls = [
        ((name, row.system, row.outcome), row.times) for name, each in said for row in each.calls
    ]
    yield family(declared.OUTSIDE_CALLS, [(labels, times.number) for labels, times in calls])
    yield family(declared.OUTSIDE_SECONDS, calls)
    yield from _of_credentials(found.at, rows)


def _of_credentials(at: datetime, rows: Sequence[PartRow]) -> Iterator[Family]:
    credentials = left(rows, at)
    yield family(
        declared.CREDENTIAL_DAYS,
        [((each.kind,), each.days) for each in credentials if each.days is not None],
    )
    yield family(declared.CREDENTIAL_GOOD, [((each.kind,), each.is_usable) for each in credentials])


def _by_action(found: Common, of: Any, join: Any) -> list[Value]:
    """A value of each action that is open or was counted, so that none vanishes when it is 0."""
    values: dict[str, list[float]] = {each.action: [0.0] for each in found.entered}
    for each in found.open:
        values.setdefault(each.action, [0.0]).append(of(each))
    return [((action,), join(several)) for action, several in sorted(values.items())]


def _sampled_ratio(recent: Mapping[str, int]) -> list[Value]:
    decided = sum(recent.get(state, 0) for state in _DECIDED)
    return [((), recent.get("sampled", 0) / decided)] if decided else []


def _http(measures: HttpMeasures) -> list[tuple[Any, Histogram]]:
    return sorted(measures.times.items(), key=lambda item: (item[0].route, item[0].method))


def _part(row: PartRow) -> tuple[str, str]:
    return row.kind, row.name


def _shown(labels: Sequence[str]) -> list[str]:
    return [str(each)[:_LONGEST] for each in labels]
