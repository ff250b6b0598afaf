"""What the parts logged of errors that nobody expected: the last call of ours, and the error."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from typing import Final

from deployments.stack.layout import Layout

_BEGIN: Final = "Traceback (most recent call last):"
_CALL: Final = re.compile(r'^\W*File ".*/((?:api|flows|blocks|deployments)/.+)", line (\d+)')
_ERROR: Final = re.compile(r"^\W*([A-Za-z_][\w.]*(?:: .*)?)$")
_PARTS: Final = ("api", "relay", "worker", "notifier", "scanner")
_LONGEST: Final = 300


def logged(layout: Layout) -> list[str]:
    """Each kind of error once, with how often it was logged, by part."""
    found = [
        f"{part}: {error}"
        for part in _PARTS
        if layout.log(part).exists()
        for error in errors_in(layout.log(part).read_text(errors="replace"))
    ]
    return [f"{count} times {error}" for error, count in Counter(found).most_common()]


def errors_in(log: str) -> Iterator[str]:
    """The errors with a traceback, each with the last call of ours."""
    for traceback in log.split(_BEGIN)[1:]:
        call = ""
        for line in traceback.splitlines():
            if found := _CALL.match(line):
                call = f"{found[1]}:{found[2]}"
            elif call and "  " not in line[:2] and (error := _ERROR.match(line)):
                yield f"{error[1][:_LONGEST]} ({call})"
                break
