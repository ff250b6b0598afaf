"""The decoder of server-sent events, filters and back-off of the monitor's adapter."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from blocks.monitor_api import (
    BackOff,
    BadMonitorAddress,
    EventDecoder,
    Frame,
    MonitorApi,
    StreamFilter,
    TokenRefused,
)

TRANSCRIPT = Path(__file__).parents[3] / "shared/contracts/fixtures/sse_idle_stream.txt"

ends = st.sampled_from(["\n", "\r\n", "\r"])
lines = st.text("ab: é\0\ufeff\x85", max_size=12)
names = lines.filter(lambda text: text and "\0" not in text)
frames = st.builds(
    Frame, id=st.none() | names, event=names, data=st.lists(lines, min_size=1).map("\n".join)
)


def encoded(frame: Frame, end: str) -> str:
    fields = [] if frame.id is None else [f"id: {frame.id}"]
    fields += [f"event: {frame.event}", *(f"data: {line}" for line in frame.data.split("\n"))]
    return end.join([": a comment", *fields, "", ""])


def decoded(*chunks: bytes) -> list[Frame]:
    decoder = EventDecoder()
    return [frame for chunk in chunks for frame in decoder.feed(chunk)]


@given(st.lists(frames, max_size=5), ends, st.data())
def test_frames_come_out_as_sent_wherever_the_network_cuts(sent, end, data):
    stream = "".join(encoded(frame, end) for frame in sent).encode()
    cuts = data.draw(st.lists(st.integers(0, len(stream)), max_size=8).map(sorted))
    chunks = [stream[a:b] for a, b in zip([0, *cuts], [*cuts, len(stream)], strict=True)]
    assert decoded(*chunks) == sent


@given(st.text("adt: \r\n", max_size=60).map(str.encode) | st.binary(max_size=60), st.data())
def test_any_bytes_give_the_same_frames_however_they_are_cut(stream, data):
    cut = data.draw(st.integers(0, len(stream)))
    assert decoded(stream[:cut], stream[cut:]) == decoded(stream)


def test_a_frame_cut_off_by_the_end_is_not_given_out():
    assert decoded(b"event: a\ndata: 1\n\nevent: b\ndata: 2\n") == [Frame(None, "a", "1")]


def test_comments_unknown_fields_and_frames_without_data_are_passed_over():
    assert decoded(b": ping\n\nretry: 5\nevent: a\n\ndata\ndata:x\n\n") == [
        Frame(None, "message", "\nx")
    ]


def test_an_id_is_that_of_its_own_frame_alone():
    assert decoded(b"id: 7\ndata: 1\n\ndata: 2\n\n") == [
        Frame("7", "message", "1"),
        Frame(None, "message", "2"),
    ]


def test_a_byte_order_mark_is_no_part_of_the_first_field():
    assert decoded(b"\xef\xbb\xbfdata: 1\n\n") == [Frame(None, "message", "1")]


def test_the_original_monitors_idle_stream_is_understood():
    if not TRANSCRIPT.exists():
        pytest.skip(f"no transcript of the original at {TRANSCRIPT}")
    stamped = TRANSCRIPT.read_bytes().split(b"\r\n")[-1].splitlines(keepends=True)
    frames = decoded(*(line.split(b" ", 1)[1] for line in stamped))
    assert [frame.event for frame in frames] == ["connected", *["heartbeat"] * (len(frames) - 1)]
    assert all(isinstance(json.loads(frame.data), dict) for frame in frames)
    assert len(frames) > 1


def test_a_filter_becomes_comma_lists_and_leaves_out_what_is_empty():
    wanted = StreamFilter(msg_types=("a", "b"), run_ids=("7",), subject="run-7")
    assert wanted.params() == {"msg_types": "a,b", "run_ids": "7", "subject": "run-7"}
    assert StreamFilter().params() == {}


@given(st.integers(1, 10_000))
def test_pauses_grow_to_the_longest_and_never_beyond(failures):
    pause = BackOff(first_seconds=1, longest_seconds=30).pause_seconds(failures)
    assert min(30, 2 ** min(failures - 1, 5)) / 2 <= pause <= 30


@pytest.mark.parametrize("url", ["", "localhost:8002", "ftp://host/", "http://", "http://[::1"])
def test_an_address_that_is_no_http_url_is_named(url):
    with pytest.raises(BadMonitorAddress, match="monitor address"):
        MonitorApi(url, "token")


@pytest.mark.parametrize("token", ["två", "two words", "line\nbreak"])
def test_a_token_that_cannot_be_sent_is_refused_before_it_is_sent(token):
    with pytest.raises(TokenRefused, match="characters"):
        MonitorApi("http://localhost", token)
