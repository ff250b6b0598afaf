"""The frames of an event stream, filters and back-off of the monitor's adapter."""

from __future__ import annotations

import json
from pathlib import Path

import httpx
import pytest

from blocks.monitor_api import MonitorApi, StreamFilter, TokenRefused, frames_of
from blocks.monitor_api.errors import BadMonitorAddress

TRANSCRIPT = Path(__file__).parents[5] / "shared/contracts/fixtures/sse_idle_stream.txt"

HEADERS = {"content-type": "text/event-stream"}


def frames(*chunks: bytes) -> list[tuple[str, str, str]]:
    response = httpx.Response(200, headers=HEADERS, content=iter(chunks))
    return [(frame.id, frame.event, frame.data) for frame in frames_of(response)]


@pytest.mark.parametrize("end", [b"\n", b"\r\n"])
@pytest.mark.parametrize("size", [1, 2, 7, 1000])
def test_frames_come_out_as_sent_wherever_the_network_cuts(end, size):
    lines = ["id: 7", "event: stf_ready", 'data: {"name": "é\x85"}', "", ": ping", "", "data: 2"]
    stream = end.join([*(line.encode() for line in lines), b"", b""])
    pieces = [stream[start : start + size] for start in range(0, len(stream), size)]
    assert frames(*pieces) == [("7", "stf_ready", '{"name": "é\x85"}'), ("7", "message", "2")]


def test_a_frame_cut_off_by_the_end_is_not_given_out():
    assert frames(b"event: a\ndata: 1\n\nevent: b\ndata: 2\n") == [("", "a", "1")]


def test_comments_unknown_fields_and_frames_without_data_are_passed_over():
    stream = b": ping\n\nretry: 5\nother: 1\nevent: a\n\nid: 3\n\ndata\ndata:x\n\n: ping\n\n"
    assert frames(stream) == [("3", "message", "\nx")]


def test_bytes_that_are_no_utf_8_do_not_end_the_stream():
    assert frames(b"data: \xff\n\ndata: 2\n\n")[1] == ("", "message", "2")


def test_the_original_monitors_idle_stream_is_understood():
    if not TRANSCRIPT.exists():
        pytest.skip(f"no transcript of the original at {TRANSCRIPT}")
    stamped = TRANSCRIPT.read_bytes().split(b"\r\n")[-1].splitlines(keepends=True)
    found = frames(*(line.split(b" ", 1)[1] for line in stamped))
    assert [event for _, event, _ in found] == ["connected", *["heartbeat"] * (len(found) - 1)]
    assert all(isinstance(json.loads(data), dict) for _, _, data in found)
    assert len(found) > 1


def test_a_filter_becomes_comma_lists_and_leaves_out_what_is_empty():
    wanted = StreamFilter(msg_types=("a", "b"), run_ids=("7",), subject="run-7")
    assert wanted.params() == {"msg_types": "a,b", "run_ids": "7", "subject": "run-7"}
    assert StreamFilter().params() == {}


@pytest.mark.parametrize("url", ["", "localhost:8002", "ftp://host/", "http://", "http://[::1"])
def test_an_address_that_is_no_http_url_is_named(url):
    with pytest.raises(BadMonitorAddress, match="monitor address"):
        MonitorApi(url, "token")


@pytest.mark.parametrize("token", ["två", "two words", "line\nbreak"])
def test_a_token_that_cannot_be_sent_is_refused_before_it_is_sent(token):
    with pytest.raises(TokenRefused, match="characters"):
        MonitorApi("http://localhost", token)
