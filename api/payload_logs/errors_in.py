"""Which lines of a log look like errors: words of payloads, of Geant4 and ROOT, and of the pilot.

The page marks the same lines, by `static/payload_log_errors.js`.
"""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final

from api.payload_logs.files import Member, OpenLog

# Each is searched in time that grows with the line's length alone, whatever a payload writes.
_WORDS: Final = (
    r"\b(?:ERROR|FATAL|CRITICAL|SEVERE)\b",
    r"\b(?:fatal|error):",
    r"\bTraceback \(most recent call last\)",
    r"(?<![0-9])(?:Error|Exception):",
    r"\bG4Exception\b|\bstd::(?:bad_alloc|\w{1,40}_error|exception)\b|\bterminate called\b",
    r"[Ss]egmentation (?:violation|fault)|\bSIG(?:SEGV|ABRT|KILL|BUS|FPE)\b|\bcore dumped\b",
    r"\*\*\* Break \*\*\*",
    r"\b[Oo]ut of memory\b|\bOOM\b|\bNo space left on device\b|^Killed$|\bAborted\b",
    r"\b[Ee]xit[ _-]?(?:[Cc]ode|[Ss]tatus)\b[\"']?\s{0,3}(?:[:=]|is|was|of)?\s{0,3}-?[1-9]",
    r"\b(?:pilot|exe|trans)ErrorCode\b[\"']?\s{0,3}[:=]\s{0,3}[\"']?-?[1-9]",
    r"\bpilot error\b",
)
_BAD: Final = re.compile("|".join(_WORDS), re.ASCII)
_FINE: Final = re.compile(
    r"\b(?:no|0) errors?\b|\berrors?\b[\"']?\s{0,3}[:=]\s{0,3}[\"']?(?:0\b|none\b)",
    re.ASCII | re.IGNORECASE,
)
_READ_BYTES: Final = 500_000  # of the end of each member
_LONGEST: Final = 300
_SEARCHED: Final = 2_000  # characters of a line


@dataclass(frozen=True)
class ErrorLine:
    """A line that looks like an error.

    Attributes:
        member: The file of the log that it is in.
        offset: Of the part of it that was read, in bytes from the file's begin.
    """

    member: str
    text: str
    offset: int


def looks_bad(line: str) -> bool:
    """Whether the line looks like an error."""
    return _BAD.search(line) is not None and _FINE.search(line) is None


def last_errors(log: OpenLog, most: int) -> list[ErrorLine]:
    """The last lines that look like errors, in the order of the members, then of the lines.

    Of each member only the last 500 kB are read.
    """
    found: deque[ErrorLine] = deque(maxlen=most)
    for member in log.members:
        if member.is_text:
            found.extend(_last_of(member, most))
    return list(found)


def _last_of(member: Member, most: int) -> Iterable[ErrorLine]:
    found: deque[ErrorLine] = deque(maxlen=most)
    for offset, line in _lines(member):
        if looks_bad(line[:_SEARCHED]):
            text = line if len(line) <= _LONGEST else f"{line[: _LONGEST - 1]}…"
            found.append(ErrorLine(member.name, text, offset))
    return found


def _lines(member: Member) -> Iterator[tuple[int, str]]:
    """The lines of the end of a member, each with its offset."""
    start = max(0, member.size_bytes - _READ_BYTES)
    raw = b"".join(member.chunks(start))
    offset = start
    for line in raw.split(b"\n"):
        yield offset, line.decode(errors="replace").rstrip("\r")
        offset += len(line) + 1
