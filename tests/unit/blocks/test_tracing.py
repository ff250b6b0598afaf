"""Without an endpoint nothing of OpenTelemetry's SDK is loaded, and nothing is traced."""

from __future__ import annotations

import subprocess
import sys

import pytest

from blocks import tracing

WITHOUT = """
import sys
from blocks import outside_calls, tracing
import deployments.logs, flows.common.flow, api.http.app
tracing.start("x", url=None, ratio=1.0)
with tracing.span("x"), tracing.producing("x", "0" * 31 + "1") as headers:
    assert (headers, tracing.traceparent(), tracing.trace_id()) == ({}, None, None)
tracing.stop()
wanted = ("opentelemetry.sdk", "opentelemetry.exporter", "opentelemetry.instrumentation")
print([name for name in sys.modules if name.startswith(wanted)])
"""


def test_without_an_endpoint_nothing_is_loaded():
    said = subprocess.run(
        [sys.executable, "-c", WITHOUT], capture_output=True, text=True, check=True
    )
    assert said.stdout.strip() == "[]"


@pytest.mark.parametrize("value", ["", "x", "00-0-0-01", None, 7, "00-" + "g" * 32 + "-1-01"])
def test_what_is_no_traceparent_is_not_taken(value):
    assert not tracing.is_traceparent(value)
    assert tracing.is_traceparent(f"00-{'a' * 32}-{'b' * 16}-01")
