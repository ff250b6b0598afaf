"""What a page says while a fault lasts: looked at again and again, as a person would."""

from __future__ import annotations

import html
import re
import time
from dataclasses import dataclass
from typing import Final

import httpx

from deployments.bench.common.stack import BenchStack

EVERY_SECONDS: Final = 0.5
ANSWER_SECONDS: Final = 8.0
"""A person who gets no page in that time has been told nothing."""
_PAGE: Final = "/requests/"
_STRIP: Final = re.compile(r'id="strip-words">([^<]*)<')
_TAGS: Final = re.compile(r"<(style|script).*?</\1>|<[^>]*>", re.DOTALL)
_SHOWN: Final = 300


@dataclass(frozen=True, kw_only=True)
class Look:
    """One look at the page.

    Attributes:
        at, seconds: When it was asked for, and how long it took.
        status: Of the answer; 0 where there was none.
        words: Of the strip; of a page that is no success, all that it says.
    """

    at: float
    seconds: float
    status: int
    words: str

    def __str__(self) -> str:
        at = time.strftime("%H:%M:%S", time.gmtime(self.at))
        return f"{at} {self.status} after {self.seconds:.1f} s: {self.words}"


class Watcher:
    """Looks at the page of requests, and keeps what it says."""

    def __init__(self, running: BenchStack) -> None:
        self.looks: list[Look] = []
        self._http = running.http

    def look(self) -> None:
        """Look once."""
        at, status = time.time(), 0
        try:
            answer = self._http.get(_PAGE, timeout=ANSWER_SECONDS)
        except httpx.TransportError as error:
            words = f"no answer: {type(error).__name__}"
        else:
            status, words = answer.status_code, words_of(answer)
        self.looks.append(Look(at=at, seconds=time.time() - at, status=status, words=words))


def words_of(answer: httpx.Response) -> str:
    """What the page says of how things stand."""
    if answer.is_success:
        found = _STRIP.search(answer.text)
        return html.unescape(found[1]).strip() if found else ""
    return " ".join(html.unescape(_TAGS.sub(" ", answer.text)).split())[:_SHOWN]
