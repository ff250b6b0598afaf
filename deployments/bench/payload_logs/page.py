"""Reads payload logs as their page's script does: asks, follows the stream, reads the first tab."""

from __future__ import annotations

import json
import time
from dataclasses import dataclass
from html.parser import HTMLParser
from typing import Final

import httpx

from blocks.monitor_api import frames_of
from deployments.bench.common.stack import BenchBroken
from flows.payload_logs import messages

_ENDS: Final = (messages.READY, messages.FAILED)
_FOLLOWED: Final = (messages.PROGRESS, *_ENDS)
_WHOLE_BYTES: Final = 24_000_000  # as payload_log_file.js: what is larger is read in parts
_PART_BYTES: Final = 8_000_000


@dataclass(frozen=True)
class Shown:
    """What the reader had before their eyes in the end.

    Attributes:
        phase: `ready`, `failed`, `no_job` or `no_log`.
        reason: Why there is no log, as the page says it.
        content: The bytes of the first file; of a large one, the first part.
        seconds: From the click until then.
    """

    phase: str
    reason: str
    content: bytes
    seconds: float


def read_log(api_url: str, pandaid: int, *, token: str, seconds: float) -> Shown:
    """Click on a job's log, and wait until its first file, or the reason, is there.

    Args:
        api_url: Address of the API.
        pandaid: The job.
        token: Of who clicks: a visitor's look asks for nothing.
        seconds: How long its log may be waited for.

    Raises:
        BenchBroken: Neither came in time.
    """
    headers = {"Authorization": f"Token {token}"}
    with httpx.Client(base_url=api_url, headers=headers, timeout=seconds) as http:
        began = time.monotonic()
        path = f"/panda/jobs/{pandaid}/log/"
        page = _page(http, path, {})
        if page.is_waiting:
            page = _follow(http, path, page, began + seconds)
        content = _first_file(http, page)
        took = time.monotonic() - began
    return Shown(page.live.get("phase", ""), page.reason, content, took)


def _follow(http: httpx.Client, path: str, page: _Page, deadline: float) -> _Page:
    """The page as it is once its request has ended."""
    asked = {"msg_types": ",".join(_FOLLOWED), "after": page.live["event-id"]}
    pandaid, search = page.live["pandaid"], {"request": page.live["request"]}
    with http.stream("GET", page.stream, params=asked) as stream:
        for frame in frames_of(stream.raise_for_status()):
            is_of_job = json.loads(frame.data).get("pandaid") == pandaid
            if frame.event != "connected" and not (frame.event in _ENDS and is_of_job):
                continue
            page = _page(http, path, search)
            if not page.is_waiting:
                return page
            if time.monotonic() > deadline:
                break
    raise BenchBroken(f"the page of job {pandaid} waits for request {search['request']} still")


def _page(http: httpx.Client, path: str, search: dict[str, str]) -> _Page:
    answer = http.get(path, params=search)
    if not answer.is_success and answer.status_code != httpx.codes.NOT_FOUND:
        raise BenchBroken(f"GET {path}: {answer.status_code}")
    page = _Page()
    page.feed(answer.text)
    return page


def _first_file(http: httpx.Client, page: _Page) -> bytes:
    if not page.tabs:
        return b""
    tab = page.tabs[0]
    length = int(tab["size"]) if int(tab["size"]) <= _WHOLE_BYTES else _PART_BYTES
    asked = {"offset": "0", "length": str(length), "version": page.viewer["version"]}
    return http.get(tab["address"], params=asked).raise_for_status().content


class _Page(HTMLParser):
    """What the page shows, by the attributes that its script reads.

    Attributes:
        live: Of the part that changes: phase, request, event-id.
        viewer: Of the part with the files: version.
        tabs: Of each file's tab: name, size, address.
        reason: The failure, in words; empty where there is none.
    """

    def __init__(self) -> None:
        super().__init__()
        self.stream = ""
        self.live: dict[str, str] = {}
        self.viewer: dict[str, str] = {}
        self.tabs: list[dict[str, str]] = []
        self.reason = ""
        self._is_in_problem = False

    @property
    def is_waiting(self) -> bool:
        """Whether its script waits for a request."""
        return bool(self.live.get("request"))

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attributes}
        data = {name[5:]: value for name, value in given.items() if name.startswith("data-")}
        if tag == "body":
            self.stream = data.get("stream", "")
        elif given.get("id") == "live":
            self.live = data
        elif given.get("id") == "viewer":
            self.viewer = data
        elif given.get("role") == "tab":
            self.tabs.append(data)
        self._is_in_problem = given.get("class") == "problem"

    def handle_endtag(self, _tag: str) -> None:
        self._is_in_problem = False

    def handle_data(self, data: str) -> None:
        if self._is_in_problem:
            self.reason += data.strip()
