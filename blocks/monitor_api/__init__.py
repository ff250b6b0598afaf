"""A monitor's HTTP API, ours or the original swf-monitor's: sending messages, following events.

Needs the monitor's address and a token, both passed in.
"""

from __future__ import annotations

from blocks.monitor_api.client import STREAM_PATH, MonitorApi
from blocks.monitor_api.errors import TokenRefused
from blocks.monitor_api.stream import (
    CONTROL_EVENTS,
    EventStream,
    StreamEvent,
    StreamFilter,
    frames_of,
)

__all__ = [
    "CONTROL_EVENTS",
    "STREAM_PATH",
    "EventStream",
    "MonitorApi",
    "StreamEvent",
    "StreamFilter",
    "TokenRefused",
    "frames_of",
]
