"""The export of spans by OpenTelemetry's SDK; imported only where an endpoint is set.

Spans wait in a bounded queue, and are dropped when nobody takes them: no work waits for them.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final

from opentelemetry import context, trace
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.sdk.trace.sampling import (
    Decision,
    ParentBased,
    Sampler,
    SamplingResult,
    TraceIdRatioBased,
)
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from blocks.tracing import SpanKind

if TYPE_CHECKING:
    from fastapi import FastAPI
    from sqlalchemy import Engine

_EXPORT_SECONDS: Final = 2.0
_DELAY_MS: Final = 1000
_PROPAGATOR: Final = TraceContextTextMapPropagator()
_BEGUN_BY: Final = {trace.SpanKind.SERVER, trace.SpanKind.CONSUMER}


class Exporting:
    """The export of one process; after a fork, the child makes one of its own."""

    def __init__(self, service: str, url: str, ratio: float) -> None:
        # It logs each batch that nobody takes; that the endpoint is away is its own alarm.
        logging.getLogger("opentelemetry").setLevel(logging.CRITICAL)
        resource = Resource.create({"service.name": service})
        self.provider = TracerProvider(
            sampler=ParentBased(_Begun(ratio)), resource=resource, shutdown_on_exit=False
        )
        exporter = OTLPSpanExporter(endpoint=url, timeout=_EXPORT_SECONDS)
        self._processor = BatchSpanProcessor(exporter, schedule_delay_millis=_DELAY_MS)
        self.provider.add_span_processor(self._processor)
        self._tracer = self.provider.get_tracer("prodops")
        self._watched: list[Callable[[], object]] = []

    @contextmanager
    def span(
        self, name: str, kind: SpanKind, parent: str | None, attributes: Mapping[str, str | int]
    ) -> Iterator[None]:
        """A span of the block; an error that ends the block is noted in it."""
        above = None if parent is None else _PROPAGATOR.extract({"traceparent": parent})
        with self._tracer.start_as_current_span(
            name,
            context=above,
            kind=trace.SpanKind[kind.value],
            attributes=dict(attributes),
            # An error's text may name what only the ops side's log may.
            record_exception=False,
            set_status_on_exception=False,
        ) as present:
            try:
                yield
            except Exception as error:
                present.set_status(trace.StatusCode.ERROR, type(error).__name__)
                raise

    def traceparent(self) -> str | None:
        """The present span's."""
        carrier: dict[str, str] = {}
        _PROPAGATOR.inject(carrier)
        return carrier.get("traceparent")

    def watch_app(self, app: FastAPI, *, excluded: str) -> None:
        """Have the requests to an application make spans, but for those of the excluded paths."""
        from opentelemetry.instrumentation.fastapi import FastAPIInstrumentor  # noqa: PLC0415

        FastAPIInstrumentor.instrument_app(
            app,
            tracer_provider=self.provider,
            excluded_urls=excluded,
            exclude_spans=["receive", "send"],
        )
        self._watched.append(lambda: FastAPIInstrumentor.uninstrument_app(app))

    def watch_engines(self, *engines: Engine) -> None:
        """Have the statements of these engines make spans; once in a process."""
        from opentelemetry.instrumentation.sqlalchemy import (  # noqa: PLC0415
            SQLAlchemyInstrumentor,
        )

        watched = SQLAlchemyInstrumentor()
        watched.instrument(engines=engines, tracer_provider=self.provider)
        self._watched.append(watched.uninstrument)

    def watch_httpx(self) -> None:
        """Have the requests of every client of httpx make spans."""
        from opentelemetry.instrumentation.httpx import HTTPXClientInstrumentor  # noqa: PLC0415

        watched = HTTPXClientInstrumentor()
        watched.instrument(tracer_provider=self.provider)
        self._watched.append(watched.uninstrument)

    def close(self, seconds: float) -> None:
        """Send what waits, for at most so long."""
        while self._watched:
            self._watched.pop()()
        closing = threading.Thread(target=self.provider.shutdown, daemon=True)
        closing.start()
        closing.join(seconds)


class _Begun(Sampler):
    """Begins a trace where something is asked of us, not where we ask: else each poll were one."""

    def __init__(self, ratio: float) -> None:
        self._ratio = TraceIdRatioBased(ratio)

    def should_sample(  # noqa: PLR0917 - as the SDK calls it
        self,
        parent_context: context.Context | None,
        trace_id: int,
        name: str,
        kind: trace.SpanKind | None = None,
        attributes: Any = None,
        links: Sequence[trace.Link] | None = None,
        trace_state: Any = None,  # noqa: ARG002
    ) -> SamplingResult:
        """Whether the trace that begins with such a span is kept."""
        if kind not in _BEGUN_BY:
            return SamplingResult(Decision.DROP)
        return self._ratio.should_sample(parent_context, trace_id, name, kind, attributes, links)

    def get_description(self) -> str:
        """What it is, for people."""
        return f"requests only, {self._ratio.get_description()}"
