"""The benches `fetch` and `stall` without services: their logs, and how they read the page."""

from __future__ import annotations

import io
import tarfile
from collections.abc import Iterator
from contextlib import contextmanager

import httpx
import pytest

from deployments.bench.common.stack import BenchBroken
from deployments.bench.payload_logs.logs import made_up_log
from deployments.bench.payload_logs.page import read_log
from deployments.sandbox.grid.logs import archive

WAITING = (
    '<body data-stream="/s/"><section id="live" data-event-id="7" data-phase="waiting" '
    'data-request="3" data-pandaid="11"></section><section id="viewer" data-version=""></section>'
)
READY = (
    '<body data-stream="/s/"><section id="live" data-phase="ready" data-request=""></section>'
    '<section id="viewer" data-version="v1"><button role="tab" data-name="payload.stdout" '
    'data-size="5" data-address="/m/payload.stdout">x</button></section>'
)
FAILED = (
    '<body data-stream="/s/"><section id="live" data-phase="failed" data-request="">'
    '<p class="problem" id="reason">the door is closed</p></section>'
)


@contextmanager
def server(monkeypatch: pytest.MonkeyPatch, after: str, events: str) -> Iterator[list[str]]:
    """A server whose page is `after` once the stream was opened and `events` were told."""
    asked: list[str] = []

    def answer(request: httpx.Request) -> httpx.Response:
        asked.append(str(request.url.raw_path, "ascii"))
        if request.url.path == "/s/":
            return httpx.Response(
                200, headers={"Content-Type": "text/event-stream"}, content=events.encode()
            )
        if request.url.path.startswith("/m/"):
            return httpx.Response(200, text="hello")
        is_over = sum(path.startswith("/panda") for path in asked) > 2
        return httpx.Response(200, text=after if is_over else WAITING)

    client = httpx.Client
    monkeypatch.setattr(
        "deployments.bench.payload_logs.page.httpx.Client",
        lambda **given: client(transport=httpx.MockTransport(answer), **given),
    )
    yield asked


EVENTS = (
    "event: connected\ndata: {}\n\n"
    'event: payload_log_ready\ndata: {"pandaid": "12"}\n\n'
    'event: payload_log_ready\ndata: {"pandaid": "11"}\n\n'
)


def test_a_made_up_log_packs_to_about_its_size_and_unpacks_to_its_members():
    members = made_up_log(1_000_000, seed=1)
    packed = archive(members)
    with tarfile.open(fileobj=io.BytesIO(packed)) as tar:
        assert tar.getnames() == list(members)
    assert len(packed) == pytest.approx(1_000_000, rel=0.05)
    assert made_up_log(1_000, seed=1) != made_up_log(1_000, seed=2)


def test_the_page_is_followed_as_its_script_does_and_the_first_file_read(monkeypatch):
    with server(monkeypatch, READY, EVENTS) as asked:
        shown = read_log("http://api", 11, token="t", seconds=5)
    assert (shown.phase, shown.content) == ("ready", b"hello")
    assert asked[1].startswith("/s/?msg_types=")
    assert asked[1].endswith("&after=7")
    assert [path for path in asked if path.startswith("/panda")] == [
        "/panda/jobs/11/log/", "/panda/jobs/11/log/?request=3", "/panda/jobs/11/log/?request=3",
    ]  # fmt: skip
    assert asked[-1] == "/m/payload.stdout?offset=0&length=5&version=v1"


def test_a_failure_is_read_with_its_reason(monkeypatch):
    with server(monkeypatch, FAILED, EVENTS):
        shown = read_log("http://api", 11, token="t", seconds=5)
    assert (shown.phase, shown.reason, shown.content) == ("failed", "the door is closed", b"")


def test_a_page_that_goes_on_waiting_is_no_measurement(monkeypatch):
    with (
        server(monkeypatch, WAITING, EVENTS),
        pytest.raises(BenchBroken, match="waits for request 3"),
    ):
        read_log("http://api", 11, token="t", seconds=5)
