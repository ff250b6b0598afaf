"""How `prodops fastmon watch` is ended by a signal."""

from __future__ import annotations

import signal
import sys
from collections.abc import Iterator
from types import FrameType

import pytest

from blocks.monitor_api import StreamEvent
from deployments.cli.fastmon.watch import _Stop

EVENTS = 3
MOMENTS = 40  # more than the lines that run for so many events


class Stream:
    """Events that come at once; after them, or after the signal, one would wait for ever."""

    def __init__(self, stop: _Stop) -> None:
        self.stop = stop
        self.left = EVENTS
        self.is_signalled = False

    def signal(self) -> None:
        self.is_signalled = True
        self.stop(signal.SIGINT, None)

    def __iter__(self) -> Iterator[StreamEvent]:
        return self

    def __next__(self) -> StreamEvent:
        assert not self.is_signalled, "waits for an event after the signal"
        if not self.left:
            self.signal()
        self.left -= 1
        return StreamEvent(event="heartbeat", data={}, id=None)


@pytest.mark.parametrize("moment", range(1, MOMENTS))
def test_a_signal_between_any_two_lines_ends_the_wait(moment: int):
    stop = _Stop()
    stream = Stream(stop)
    lines = 0

    def count(frame: FrameType, what: str, _: object):
        nonlocal lines
        if frame.f_code is not _Stop.until_asked.__code__:
            return None
        if what == "line":
            lines += 1
            if lines == moment:
                stream.signal()
        return count

    before = sys.gettrace()
    sys.settrace(count)
    try:
        for _ in stop.until_asked(stream):
            pass
    except KeyboardInterrupt:
        pass
    finally:
        sys.settrace(before)
    assert stream.is_signalled
