"""The monitor's adapter and the commands on it, against a monitor that breaks in every way."""

from __future__ import annotations

import threading
from itertools import islice

import pytest

from blocks.back_off import BackOff
from blocks.monitor_api import EventStream, MonitorApi, StreamEvent, StreamFilter, errors
from tests.fake_monitor import SOON, Stream, api_of, fake_monitor, frame, tf_frame
from tests.waiting import wait_until

CONNECTED = frame("connected", {"client_id": "c", "status": "connected"})
HEARTBEAT = frame("heartbeat", {"timestamp": 1.0})
RUN = {"msg_type": "start_run", "run_id": "100010"}


def first_ids(stream: EventStream, count: int) -> list[int]:
    numbered = (event.id for event in stream if event.id is not None)
    return list(islice(numbered, count))


def test_a_message_is_sent_with_the_token_and_its_answer_returned():
    with fake_monitor() as monitor, api_of(monitor) as api:
        assert api.send(RUN) == {"id": 1}
    assert monitor.messages == [RUN]
    assert monitor.asked[0].path == "/api/messages/"
    assert monitor.asked[0].headers["authorization"] == "Token key"


def test_a_message_is_sent_again_until_the_monitor_can_take_it():
    with fake_monitor(failing_posts=[503, 500, 429]) as monitor, api_of(monitor) as api:
        api.send(RUN)
    assert (len(monitor.asked), monitor.messages) == (4, [RUN])


def test_a_monitor_that_stays_away_is_given_up_after_the_attempts():
    with fake_monitor(failing_posts=[503] * 3) as monitor, api_of(monitor, attempts=3) as api:
        with pytest.raises(errors.MonitorUnavailable, match="HTTP 503"):
            api.send(RUN)
        assert len(monitor.asked) == 3


def test_nobody_listening_is_unavailable_in_one_line():
    with (
        MonitorApi("http://127.0.0.1:1", "key", attempts=1) as api,
        pytest.raises(errors.MonitorUnavailable, match=r"^no answer from http.*refused"),
    ):
        api.send(RUN)


@pytest.mark.parametrize(
    ("status", "error"),
    [
        (401, errors.TokenRefused),
        (403, errors.TokenRefused),
        (400, errors.MessageRefused),
        (413, errors.MessageRefused),
    ],
)
def test_a_refusal_is_never_tried_again(status, error):
    answers = {"POST": (status, {"msg_type": ["This field is required."]})}
    with fake_monitor(answers=answers) as monitor, api_of(monitor) as api:
        with pytest.raises(error, match=r"msg_type: This field is required\.") as caught:
            api.send(RUN)
        assert len(monitor.asked) == 1
    assert getattr(caught.value, "fields", None) in (
        None,
        {"msg_type": ["This field is required."]},
    )


@pytest.mark.parametrize(
    ("known", "following"), [([], 100010), ([7], 100010), ([7, 100029, None], 100030)]
)
def test_the_next_run_number_follows_the_highest(known, following):
    rows = [{"run_number": number} for number in known]
    with fake_monitor(answers={"/api/runs/": (200, rows)}) as monitor, api_of(monitor) as api:
        assert api.next_run_number() == following


def test_events_come_in_order_with_lf_and_crlf_and_heartbeats_between():
    chunks = [CONNECTED, tf_frame(1), HEARTBEAT + tf_frame(2, end="\r\n"), b": ping\n\n"]
    with fake_monitor(Stream([*chunks, tf_frame(3)])) as monitor, api_of(monitor) as api:
        events = list(islice(api.follow(back_off=SOON), 5))
    assert [event.event for event in events[:2]] == ["connected", "tf_file_registered"]
    assert [event.id for event in events] == [None, 1, None, 2, 3]
    assert isinstance(events[1], StreamEvent)


def test_after_a_cut_in_a_frame_it_resumes_with_the_last_number_and_doubles_nothing():
    cut = tf_frame(3)[:-9]
    with (
        fake_monitor(
            Stream([CONNECTED, tf_frame(1), tf_frame(2), cut]),
            Stream([CONNECTED, tf_frame(2), tf_frame(3)]),
        ) as monitor,
        api_of(monitor) as api,
    ):
        assert first_ids(api.follow(back_off=SOON), 3) == [1, 2, 3]
    assert "last-event-id" not in monitor.connections[0].headers
    assert monitor.connections[1].headers["last-event-id"] == "2"


def test_a_monitor_whose_numbers_went_back_is_told_about_once_and_followed():
    told: list[str] = []
    streams = (Stream([tf_frame(9)]), Stream([tf_frame(1), tf_frame(2), tf_frame(10)]))
    with fake_monitor(*streams) as monitor, api_of(monitor) as api:
        assert first_ids(api.follow(report=told.append, back_off=SOON), 4) == [9, 1, 2, 10]
    assert [line for line in told if line.startswith("event")] == [
        "event 1 comes after 9: the monitor numbers anew"
    ]


def test_where_the_monitor_does_not_know_the_last_event_its_words_are_reported():
    told: list[str] = []
    data = {"reason": "event 99 is not known here", "last_event_id": 4}
    notice = frame("position_unknown", data)
    streams = (Stream([CONNECTED, notice, tf_frame(5)]), Stream([tf_frame(6)]))
    with fake_monitor(*streams) as monitor, api_of(monitor) as api:
        stream = api.follow(after=99, report=told.append, back_off=SOON)
        assert first_ids(stream, 2) == [5, 6]
    assert told[0] == "the monitor says: event 99 is not known here"
    assert monitor.connections[1].headers["last-event-id"] == "5"


def test_filters_and_the_beginning_are_asked_for():
    wanted = StreamFilter(msg_types=("a", "b"), namespaces=("n",))
    with fake_monitor(Stream([tf_frame(8)])) as monitor, api_of(monitor) as api:
        first_ids(api.follow(wanted, after=7), 1)
    assert monitor.connections[0].query == {"msg_types": "a,b", "namespaces": "n", "after": "7"}


def test_a_frame_that_is_no_json_object_is_reported_and_not_the_end():
    told: list[str] = []
    frames = [b"event: odd\ndata: {broken\n\n", frame("odd", [1]), tf_frame(1)]
    with fake_monitor(Stream(frames)) as monitor, api_of(monitor) as api:
        assert first_ids(api.follow(report=told.append), 1) == [1]
    assert len(told) == 2
    assert "odd event holds no JSON object: '{broken'" in told[0]


@pytest.mark.parametrize("status", [401, 403])
def test_a_refused_token_ends_the_stream_at_once_also_on_the_way_back(status):
    streams = (Stream([tf_frame(1)]), Stream(status=status))
    with fake_monitor(*streams) as monitor, api_of(monitor) as api:
        stream = api.follow(back_off=SOON)
        with pytest.raises(errors.TokenRefused, match=f"HTTP {status}"):
            first_ids(stream, 2)


def test_an_address_without_a_stream_is_told_but_a_lost_one_is_waited_for():
    page = Stream([b"<html>"], content_type="text/html")
    with fake_monitor(page) as monitor, api_of(monitor) as api:
        with pytest.raises(errors.RequestRefused, match="no event stream"):
            first_ids(api.follow(), 1)
        monitor.streams += [Stream([tf_frame(1)]), Stream(status=404), Stream([tf_frame(2)])]
        assert first_ids(api.follow(back_off=SOON), 2) == [1, 2]


def test_a_silent_stream_is_taken_for_dead():
    told: list[str] = []
    silent = Stream([tf_frame(1)], is_held=True)
    with fake_monitor(silent, Stream([tf_frame(2)])) as monitor, api_of(monitor) as api:
        stream = api.follow(report=told.append, back_off=SOON, silence_seconds=0.05)
        assert first_ids(stream, 2) == [1, 2]
    assert "silent for 0.05 s, without a heartbeat" in told[0]


@pytest.mark.parametrize("chunks", [[tf_frame(1)], []])
def test_close_from_a_thread_ends_a_blocked_read(chunks):
    ended = threading.Event()
    with fake_monitor(Stream(chunks, is_held=True)) as monitor, api_of(monitor) as api:
        stream = api.follow()
        reader = threading.Thread(target=lambda: (list(stream), ended.set()))
        reader.start()
        wait_until(lambda: monitor.connections)
        stream.close()
        assert ended.wait(5)
        reader.join()


def test_close_ends_a_pause():
    told = threading.Event()
    with fake_monitor(Stream()) as monitor, api_of(monitor) as api:
        stream = api.follow(report=lambda _: told.set(), back_off=BackOff(60, 60))
        reader = threading.Thread(target=lambda: list(stream))
        reader.start()
        assert told.wait(5)
        stream.close()
        reader.join(5)
        assert not reader.is_alive()
