"""Spans of OpenTelemetry, where an endpoint is set; else nothing is imported, and nothing costs.

A trace goes from process to process as a `traceparent` (W3C Trace Context, version 00).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from blocks.trace_export import Exporting

_FORM: Final = re.compile(r"00-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}")
_NONE: Final = "00---00"
_KEPT: Final = 1
_TRACE_ID: Final = re.compile(r"[0-9a-f]{32}")


class SpanKind(StrEnum):
    """What a span is of, by OpenTelemetry's names."""

    CONSUMER = "CONSUMER"
    """Something that was asked for before is done."""
    PRODUCER = "PRODUCER"
    CLIENT = "CLIENT"
    INTERNAL = "INTERNAL"


class _Process:
    """What this process exports by; None: nothing."""

    exporting: Exporting | None = None


def start(service: str, *, url: str | None, ratio: float) -> None:
    """Export this process's spans from now on, where there is a URL.

    Args:
        service: The name of the service.
        url: Where OTLP is taken over HTTP, such as ``http://127.0.0.1:4318/v1/traces``.
        ratio: Which part of the traces that begin here is kept; one that came is kept as it says.
    """
    if url is not None:
        from blocks.trace_export import Exporting  # noqa: PLC0415 - 30 MB that few want

        _Process.exporting = Exporting(service, url, ratio)


def stop(seconds: float = 2.0) -> None:
    """Send what waits, for at most so long, and export nothing more."""
    if (exporting := _Process.exporting) is not None:
        _Process.exporting = None
        exporting.close(seconds)


def is_on() -> bool:
    """Whether this process exports spans."""
    return _Process.exporting is not None


def watch(watching: Callable[[Exporting], None]) -> None:
    """Have a library's calls make spans, where this process exports any."""
    if (exporting := _Process.exporting) is not None:
        watching(exporting)


def span(
    name: str,
    kind: SpanKind = SpanKind.INTERNAL,
    *,
    parent: str | None = None,
    **attributes: str | int,
) -> AbstractContextManager[Any]:
    """A span of the block, which goes on with `parent`, else with the present one."""
    if (exporting := _Process.exporting) is None:
        return nullcontext()
    return exporting.span(name, kind, parent if is_traceparent(parent) else None, attributes)


def traceparent() -> str | None:
    """The present span, for another process to go on with; None where there is none."""
    return None if _Process.exporting is None else _Process.exporting.traceparent()


def trace_id() -> str | None:
    """The id of the present trace, 32 hexadecimal digits; None where none is kept."""
    _, trace, _, flags = (traceparent() or _NONE).split("-")
    return trace if int(flags, 16) & _KEPT else None


@contextmanager
def producing(name: str, trace: object) -> Iterator[dict[str, str]]:
    """A span of what is sent in a trace that only its id is known of; gives the headers to send."""
    if _Process.exporting is None or not isinstance(trace, str) or not _TRACE_ID.fullmatch(trace):
        yield {}
        return
    # A parent of which nothing else is known: the span is the trace's, and below no other.
    with span(name, SpanKind.PRODUCER, parent=f"00-{trace}-{trace[:15]}1-01"):
        yield {"traceparent": traceparent() or ""}


def is_traceparent(value: object) -> bool:
    """Whether it is one: what comes from elsewhere may be anything."""
    return isinstance(value, str) and _FORM.fullmatch(value) is not None
