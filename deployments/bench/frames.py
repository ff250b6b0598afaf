"""Server-sent events at byte level: what a thousand listeners can afford to decode."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

# Chunk sizes of HTTP stand between frames; they match nothing here.
_FRAME: Final = re.compile(rb"id: (\d+)\nevent: ([^\n]*)\ndata: ([^\n]*)\n")
_END: Final = b"\n\n"


class Frames:
    """Cuts a stream into the frames that have an id; they may come in any pieces."""

    def __init__(self) -> None:
        self._rest = b""

    def feed(self, data: bytes) -> Iterator[tuple[int, bytes, bytes]]:
        """Id, event name and data of each frame that `data` completes."""
        if self._rest:
            data = self._rest + data
        end = data.rfind(_END)
        if end < 0:
            self._rest = data
            return iter(())
        whole = end + len(_END)
        self._rest = data[whole:]
        return ((int(m[1]), m[2], m[3]) for m in _FRAME.finditer(data, 0, whole))
