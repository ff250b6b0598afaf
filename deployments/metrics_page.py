"""The reference page of the metrics: from their declarations."""

from __future__ import annotations

from typing import Final

from api.metrics.declared import METRICS, Source
from blocks.outside_calls import CallOutcome, System
from deployments.markdown import page, table

_SOURCES: Final = {
    Source.PROCESS: "Each web process shows its own: add them up, or take the worst.",
    Source.DATABASE: "Every web process shows the same: take one, with `max by (…)`; never add up "
    "over `instance`.",
    Source.PARTS: "As a part wrote it with its heartbeat, every 5 s; every web process shows the "
    "same. A counter begins anew with the part's process.",
}


def text() -> str:
    """The page."""
    lines = [
        "`GET /metrics` below the path prefix, in Prometheus' text form or in OpenMetrics. See",
        "[monitor it](../how-to/monitor-it.md). A histogram has `_bucket`, `_sum` and `_count`.",
        "Beside these, each web process shows `process_*` as prometheus-client names them.",
    ]
    for source, said in _SOURCES.items():
        rows = [
            (f"`{each.name}`", each.kind.value, ", ".join(f"`{name}`" for name in each.labels),
             each.help)
            for each in METRICS
            if each.source is source
        ]  # fmt: skip
        lines += ["", f"## Of {source.value}", "", said, ""]
        lines += table(("Name", "Kind", "Labels", "Meaning"), rows)
    systems, outcomes = _listed(System), _listed(CallOutcome)
    lines += ["", f"`system`: {systems}.", "", f"`outcome`: {outcomes}."]
    return page("Metrics", lines)


def _listed(words: type[System | CallOutcome]) -> str:
    return ", ".join(f"`{each}`" for each in words)
