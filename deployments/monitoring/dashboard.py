"""The Grafana dashboard: `python -m deployments.reference` writes it as grafana-dashboard.json.

What is of the database or the parts is the same at every web process: `max by (…)` takes it once.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

_DATASOURCE: Final = {"type": "prometheus", "uid": "${datasource}"}
_OWN: Final = '{instance=~"$instance"}'
_COLUMNS: Final = 24
_HEIGHT: Final = 8
_STAT_HEIGHT: Final = 4
_RATE: Final = "$__rate_interval"


@dataclass(frozen=True, kw_only=True)
class Panel:
    """A panel.

    Attributes:
        title: Its title.
        queries: The legend of each query, and the query.
        unit: Grafana's name of the unit.
        width: Of 24 columns.
        is_stat: Whether it shows the last value alone.
        warning: From which value on a single value is yellow, and red at twice that.
    """

    title: str
    queries: tuple[tuple[str, str], ...]
    unit: str = "short"
    width: int = 8
    is_stat: bool = False
    warning: float | None = None


def _stat(title: str, query: str, unit: str = "short", warning: float | None = None) -> Panel:
    return Panel(
        title=title, queries=(("", query),), unit=unit, width=4, is_stat=True, warning=warning
    )


def _own_quantile(quantile: float, name: str, by: str) -> str:
    """A quantile of a histogram that each web process has of itself."""
    rate = f"rate({name}_bucket{_OWN}[{_RATE}])"
    return f"histogram_quantile({quantile}, sum by ({by}, le) ({rate}))"


def _quantile(quantile: float, name: str, by: str, which: str = "") -> str:
    """A quantile of a histogram that all web processes show alike."""
    rate = f"max without (instance, job) (rate({name}_bucket{which}[{_RATE}]))"
    return f"histogram_quantile({quantile}, sum by ({by}, le) ({rate}))"


def _each_once(name: str, by: str) -> str:
    """The rate of a counter that all web processes show alike."""
    return f"sum by ({by}) (max without (instance, job) (rate({name}[{_RATE}])))"


_ENTERED: Final = "prodops_request_state_entered_total"
ROWS: Final[tuple[tuple[str, tuple[Panel, ...]], ...]] = (
    (
        "Now",
        (
            _stat("Database", "min(prodops_database_up)"),
            _stat(
                "Worker last heard",
                'min(prodops_part_last_heard_seconds{kind="worker"})', "s", 20,
            ),
            _stat(
                "Requests that wait",
                "sum(max by (action) (prodops_queue_depth))", "short", 100,
            ),
            _stat(
                "Oldest that waits", "max(prodops_queue_oldest_seconds)", "s", 60
            ),
            _stat("Clients of the stream", f"sum(prodops_stream_clients{_OWN})"),
            _stat(
                "Last canary",
                "time() - max(prodops_canary_last_success_timestamp_seconds)", "s", 1800,
            ),
        ),
    ),
    (
        "Requests",
        (
            Panel(
                title="Ended per second",
                queries=(
                    (
                        "{{action}} {{state}}",
                        _each_once(
                            f'{_ENTERED}{{state=~"completed|failed|cancelled"}}', "action, state"
                        ),
                    ),
                ),
                unit="ops",
            ),
            Panel(
                title="Open, by state",
                queries=(
                    ("{{state}}", "sum by (state) (max by (action, state) (prodops_requests))"),
                ),
            ),
            Panel(
                title="Which part failed within half an hour",
                queries=(("{{action}}", "max by (action) (prodops:requests_failed:ratio30m)"),),
                unit="percentunit",
            ),
            Panel(
                title="Time until a run holds it (95 %)",
                queries=(
                    (
                        "{{action}}",
                        _quantile(
                            0.95, "prodops_request_state_seconds", "action", '{state="queued"}'
                        ),
                    ),
                ),
                unit="s",
            ),
            Panel(
                title="Time of a run (95 %)",
                queries=(
                    (
                        "{{action}}",
                        _quantile(
                            0.95, "prodops_request_state_seconds", "action", '{state="running"}'
                        ),
                    ),
                ),
                unit="s",
            ),
            Panel(
                title="Runs and slots",
                queries=(
                    ("{{part}} runs", "max by (part) (prodops_runs)"),
                    ("{{part}} slots", "max by (part) (prodops_run_slots)"),
                ),
            ),
        ),
    ),
    (
        "Events and the stream",
        (
            Panel(
                title="Events per second",
                queries=(
                    ("events", f"max(rate(prodops_events_total[{_RATE}]))"),
                    ("STFs", f"max(rate(prodops_stfs_received_total[{_RATE}]))"),
                ),
                unit="ops",
            ),
            Panel(
                title="Until a web process has read an event",
                queries=(
                    ("median {{instance}}",
                     _own_quantile(0.5, "prodops_event_lag_seconds", "instance")),
                    ("95 % {{instance}}",
                     _own_quantile(0.95, "prodops_event_lag_seconds", "instance")),
                ),
                unit="s",
            ),
            Panel(
                title="Stream: clients, and the lag of the slowest",
                queries=(
                    ("clients {{instance}}", f"prodops_stream_clients{_OWN}"),
                    ("lag in s {{instance}}", f"prodops_stream_lag_seconds{_OWN}"),
                    ("cut off in 5 min {{instance}}",
                     f"increase(prodops_stream_cut_off_total{_OWN}[5m])"),
                ),
            ),
            Panel(
                title="Bytes that wait for clients",
                queries=(("{{instance}}", f"prodops_stream_pending_bytes{_OWN}"),),
                unit="bytes",
            ),
            Panel(
                title="The newest 1,000 STFs",
                queries=(("{{state}}", "max by (state) (prodops_stfs_recent)"),),
            ),
            Panel(
                title="Sampled per second",
                queries=(
                    ("STFs", f"max(rate(prodops_stfs_sampled_total[{_RATE}]))"),
                    ("TF files", f"max(rate(prodops_tfs_registered_total[{_RATE}]))"),
                ),
                unit="ops",
            ),
            Panel(
                title="Which part of them is sampled",
                queries=(("sampled", "max(prodops_stf_sampled_ratio)"),),
                unit="percentunit",
            ),
        ),
    ),
    (
        "Outside services",
        (
            Panel(
                title="Calls per second",
                queries=(
                    ("{{system}} {{outcome}}",
                     _each_once("prodops_outside_calls_total", "system, outcome")),
                ),
                unit="ops",
            ),
            Panel(
                title="Time of a call (95 %)",
                queries=(
                    ("{{system}}", _quantile(0.95, "prodops_outside_call_seconds", "system")),
                ),
                unit="s",
            ),
            Panel(
                title="Which part was not answered within ten minutes",
                queries=(
                    ("{{system}}", "max by (system) (prodops:outside_unavailable:ratio10m)"),
                ),
                unit="percentunit",
            ),
            Panel(
                title="Messages of the bus per second",
                queries=(
                    ("{{direction}}", _each_once("prodops_bus_messages_total", "direction")),
                ),
                unit="ops",
            ),
            Panel(
                title="Days that credentials are good for",
                queries=(
                    ("{{credential}}", "min by (credential) (prodops_credential_days_left)"),
                ),
            ),
            Panel(
                title="Usable credentials",
                queries=(("{{credential}}", "min by (credential) (prodops_credential_usable)"),),
            ),
        ),
    ),
    (
        "Parts",
        (
            Panel(
                title="Last heard",
                queries=(
                    ("{{kind}} {{part}}",
                     "max by (kind, part) (prodops_part_last_heard_seconds)"),
                ),
                unit="s",
            ),
            Panel(
                title="Restarts within an hour",
                queries=(
                    ("{{kind}} {{part}}",
                     "max by (kind, part) (increase(prodops_part_restarts_total[1h]))"),
                    ("web {{instance}}", f"changes(process_start_time_seconds{_OWN}[1h])"),
                    ("Prefect, seen by {{kind}} {{part}}",
                     "max by (kind, part) (increase(prodops_part_prefect_outages_total[1h]))"),
                ),
            ),
            Panel(
                title="Prefect away",
                queries=(
                    ("{{kind}} {{part}}",
                     "max by (kind, part) (prodops_part_prefect_away_seconds)"),
                ),
                unit="s",
            ),
        ),
    ),
    (
        "Web",
        (
            Panel(
                title="Answers per second, by status",
                queries=(
                    ("{{status}}",
                     f"sum by (status) (rate(prodops_http_request_seconds_count{_OWN}[{_RATE}]))"),
                ),
                unit="ops",
            ),
            Panel(
                title="The slowest routes (95 %)",
                queries=(
                    ("{{method}} {{route}}",
                     "topk(10, "
                     + _own_quantile(0.95, "prodops_http_request_seconds", "method, route")
                     + ")"),
                ),
                unit="s",
            ),
            Panel(
                title="Memory and CPU of web processes",
                queries=(
                    ("bytes {{instance}}", f"process_resident_memory_bytes{_OWN}"),
                    ("cores {{instance}}",
                     f"rate(process_cpu_seconds_total{_OWN}[{_RATE}])"),
                ),
            ),
        ),
    ),
)  # fmt: skip


def text() -> str:
    """The dashboard as Grafana imports it."""
    return json.dumps(_dashboard(), indent=1) + "\n"


def queries() -> list[str]:
    """Every query of the dashboard."""
    return [query for _, panels in ROWS for panel in panels for _, query in panel.queries]


def _dashboard() -> dict[str, Any]:
    return {
        "title": "prodops",
        "uid": "prodops",
        "tags": ["prodops"],
        "schemaVersion": 38,
        "editable": True,
        "refresh": "30s",
        "time": {"from": "now-6h", "to": "now"},
        "timezone": "utc",
        "templating": {"list": [_datasource(), _instance()]},
        "panels": list(_placed()),
    }


def _datasource() -> dict[str, Any]:
    return {"name": "datasource", "label": "Prometheus", "type": "datasource",
            "query": "prometheus"}  # fmt: skip


def _instance() -> dict[str, Any]:
    return {
        "name": "instance",
        "label": "Web process",
        "type": "query",
        "datasource": _DATASOURCE,
        "query": "label_values(prodops_build_info, instance)",
        "refresh": 2,
        "multi": True,
        "includeAll": True,
        "allValue": ".*",
        "current": {"text": "All", "value": "$__all"},
    }


def _placed() -> Iterator[dict[str, Any]]:
    """The rows, each with its panels from left to right."""
    top, number = 0, 0
    for title, panels in ROWS:
        number += 1
        yield {"id": number, "type": "row", "title": title, "collapsed": False, "panels": [],
               "gridPos": {"x": 0, "y": top, "w": _COLUMNS, "h": 1}}  # fmt: skip
        top, left = top + 1, 0
        for panel in panels:
            number += 1
            height = _STAT_HEIGHT if panel.is_stat else _HEIGHT
            if left + panel.width > _COLUMNS:
                top, left = top + height, 0
            place = {"x": left, "y": top, "w": panel.width, "h": height}
            yield _panel(panel, number) | {"gridPos": place}
            left += panel.width
        top += height


def _panel(panel: Panel, number: int) -> dict[str, Any]:
    defaults: dict[str, Any] = {"unit": panel.unit}
    if panel.warning is not None:
        steps = [("green", None), ("yellow", panel.warning), ("red", 2 * panel.warning)]
        colours = [{"color": color, "value": value} for color, value in steps]
        defaults["thresholds"] = {"mode": "absolute", "steps": colours}
    return {
        "id": number,
        "type": "stat" if panel.is_stat else "timeseries",
        "title": panel.title,
        "datasource": _DATASOURCE,
        "fieldConfig": {"defaults": defaults, "overrides": []},
        "targets": [
            {"refId": chr(ord("A") + place), "datasource": _DATASOURCE, "expr": query,
             "legendFormat": legend}
            for place, (legend, query) in enumerate(panel.queries)
        ],
    }  # fmt: skip
