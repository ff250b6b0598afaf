"""Text of a payload made harmless for a terminal: its words stay, what steers a terminal goes."""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterable, Iterator
from typing import Final

# As the page's payload_log_text.js; of a string without an end only the beginning goes.
_ESCAPES: Final = re.compile(
    r"(?:\x1b\[|\x9b)[0-?]*[ -/]*[@-~]"
    r"|(?:\x1b\]|\x9d)[^\x07\x1b\x9c\n]*(?:\x07|\x1b\\|\x9c)"
    r"|(?:\x1b[PX^_]|[\x90\x98\x9e\x9f])[^\x1b\x9c\n]*(?:\x1b\\|\x9c)"
    r"|\x1b[ -/]*[0-~]"
)
_OVERWRITTEN: Final = re.compile(r"\r+(?!\n|\r|$)")
_CONTROLS: Final = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")
_LONGEST_LINE: Final = 1 << 20


def harmless(chunks: Iterable[bytes]) -> Iterator[bytes]:
    """The same text, by whole lines; a carriage return begins a line, so that it hides nothing."""
    decoder = codecs.getincrementaldecoder("utf-8")(errors="replace")
    rest = ""
    for chunk in chunks:
        rest += decoder.decode(chunk)
        # An escape may be cut where the chunk ends.
        end = rest.rfind("\n") + 1 or (len(rest) if len(rest) > _LONGEST_LINE else 0)
        yield _clean(rest[:end])
        rest = rest[end:]
    yield _clean(rest + decoder.decode(b"", final=True))


def _clean(text: str) -> bytes:
    text = _OVERWRITTEN.sub("\n", _ESCAPES.sub("", text))
    return _CONTROLS.sub("", text).encode()
