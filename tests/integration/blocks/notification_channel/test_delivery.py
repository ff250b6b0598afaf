"""A message to a server of the test's own: what it answers decides what becomes of the message."""

from __future__ import annotations

import re
import socket
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from blocks.notification_channel.delivery import Order, deliver
from blocks.notification_channel.errors import (
    ChannelRefused,
    ChannelUnavailable,
    ChannelUnknown,
    RecipientPutOff,
)
from flows.notifications.domain import texts
from flows.notifications.domain.texts import Told
from tests.http_sink import Sink, http_sink
from tests.mail_relay import relay

pytestmark = pytest.mark.integration


@pytest.fixture(scope="module")
def sink() -> Iterator[Sink]:
    with http_sink() as found:
        yield found


def order(sink: Sink, path: str, *, is_local_allowed: bool = True, **more: Any) -> Order:
    given = {
        "kind": "apprise",
        "url": f"json://127.0.0.1:{sink.port}/{path}",
        "seconds": 20,
        "title": "title",
        "plain": "title\ntext",
        "markdown": "**title**",
        "key": "k",
    }
    return Order(**{**given, **more}, is_local_allowed=is_local_allowed)


@pytest.fixture
def send(tmp_path: Path):
    def send(wanted: Order) -> None:
        deliver(wanted, directory=tmp_path, environment={"PREFECT_HOME": str(tmp_path)})

    return send


def test_a_message_is_taken(sink, send):
    send(order(sink, "200"))
    assert sink.paths[-1] == "/200"


def test_a_redirect_is_not_followed(sink, send):
    with pytest.raises(ChannelRefused, match="redirects, which is not followed"):
        send(order(sink, "302"))
    assert "/redirected" not in sink.paths


@pytest.mark.parametrize(
    ("path", "error"),
    [("503", ChannelUnavailable), pytest.param("404", ChannelRefused, marks=pytest.mark.slow)],
)
def test_what_must_be_mended_differs_from_what_is_tried_again(sink, send, path, error):
    with pytest.raises(error, match=f"answers {path}"):
        send(order(sink, path))


@pytest.mark.slow
def test_a_server_that_hangs_is_left_at_the_time_limit(sink, send):
    began = time.monotonic()
    with pytest.raises(ChannelUnavailable, match="within 1 s"):
        send(order(sink, "hang", seconds=1))
    assert time.monotonic() - began < 25


def test_this_machine_is_refused_as_it_is_connected_to(sink, send):
    before = list(sink.paths)
    for url in (f"json://127.0.0.1:{sink.port}/200", f"json://localhost:{sink.port}/200"):
        with pytest.raises(ChannelRefused, match="ALLOW_LOCAL_ADDRESSES"):
            send(order(sink, "", url=url, is_local_allowed=False))
    assert sink.paths == before


@pytest.mark.slow
@pytest.mark.parametrize(
    ("kind", "url"),
    [
        ("apprise", "nothing://s3cret"),
        ("slack", "https://hooks.slack.com/s3cret"),
        ("mattermost", "https://chat.example.org/s3cret"),
        ("mail", "mail://s3cret"),
        ("file", "file:../../s3cret"),
    ],
)
def test_an_url_that_cannot_be_used_is_refused_without_being_shown(sink, send, kind, url):
    with pytest.raises(ChannelRefused) as refused:
        send(order(sink, "", kind=kind, url=url))
    assert "s3cret" not in str(refused.value)


@pytest.mark.slow
def test_a_mail_goes_to_the_address_of_its_user(send):
    with relay() as mails:
        wanted = Order(
            kind="mail", url=f"mail://127.0.0.1:{mails.port}?from=prodops@example.org",
            title="a title", plain="a title\na text", markdown="", key="prodops.notification.7",
            address="anna@example.org", seconds=20, is_local_allowed=True,
        )  # fmt: skip
        send(wanted)
        mails.data_answer = "550 no"
        with pytest.raises(ChannelRefused, match="550"):
            send(wanted)
        mails.refused = {"anna@example.org": "450 later"}
        with pytest.raises(RecipientPutOff, match="450 later"):
            send(wanted)
    [mail] = mails.mails
    assert mails.recipients == [["anna@example.org"]]
    assert (mail["subject"], mail["message-id"]) == (
        "a title", "<prodops.notification.7@example.org>"
    )  # fmt: skip


def test_a_relay_that_falls_silent_with_the_mail_leaves_it_unknown(send):
    with relay() as mails:
        mails.silent_seconds = 3
        url = f"mail://127.0.0.1:{mails.port}?from=a@example.org&to=b@example.org"
        wanted = Order(
            kind="mail", url=url, title="t", plain="t", markdown="", key="k",
            seconds=1, is_local_allowed=True,
        )  # fmt: skip
        with pytest.raises(ChannelUnknown):
            send(wanted)


@pytest.mark.slow
@pytest.mark.parametrize("url", ["rsyslog://127.0.0.1/", "syslog://"])
def test_what_does_not_speak_http_is_refused_this_machine_too(sink, send, url):
    with pytest.raises(ChannelRefused, match="ALLOW_LOCAL_ADDRESSES"):
        send(order(sink, "", url=url, is_local_allowed=False))


@pytest.mark.slow
@pytest.mark.parametrize(
    ("is_there", "error"), [(True, ChannelUnknown), (False, ChannelUnavailable)]
)
def test_what_does_not_speak_http_is_not_sent_again_once_it_was_connected_to(
    sink, send, is_there, error
):
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"irc://127.0.0.1:{silent.getsockname()[1]}/#chat"
        if not is_there:
            silent.close()
        with pytest.raises(error):
            send(order(sink, "", url=url, seconds=2))


@pytest.mark.slow
def test_a_mail_goes_through_no_other_kind_of_channel(send):
    with relay() as mails:
        url = f"mailto://127.0.0.1:{mails.port}?from=a@example.org&to=b@example.org&mode=insecure"
        wanted = Order(
            kind="apprise", url=url, title="t", plain="t\nx", markdown="t\nx", key="k",
            is_local_allowed=True,
        )  # fmt: skip
        with pytest.raises(ChannelRefused, match="mail://HOST:PORT"):
            send(wanted)
    assert mails.mails == []


@pytest.mark.slow
@pytest.mark.parametrize(
    ("kind", "url"),
    [
        ("mattermost", "http://127.0.0.1:{}/hooks/aaaaaaaaaaaaaaaaaaaaaaaaaa?channel=a,b"),
        ("apprise", "json://127.0.0.1:{0}/200,json://127.0.0.1:{0}/503"),
    ],
)
def test_a_url_of_several_recipients_is_refused_as_one_that_fails_would_double_the_rest(
    sink, send, kind, url
):
    before = list(sink.paths)
    with pytest.raises(ChannelRefused, match="names 2 recipients"):
        send(order(sink, "", kind=kind, url=url.format(sink.port)))
    assert sink.paths == before


@pytest.mark.slow
def test_apprise_asks_once_and_takes_no_failure_for_a_message_that_was_sent(sink, send):
    before = len(sink.paths)
    with pytest.raises(ChannelUnavailable, match="answers 503"):
        send(order(sink, "503?retry=3&optional=yes&overflow=split", plain=f"t\n{'x ' * 20_000}"))
    assert sink.paths[before:] == ["/503"]


HOSTILE = "**bold** [click](//evil.example/x) www.evil.example _i_ ~~s~~ # h `code` &lt;b> | a |"


@pytest.mark.slow
@pytest.mark.parametrize("form", ["text", "html"])
def test_a_server_of_apprise_s_that_renders_markdown_gets_foreign_text_as_code(sink, send, form):
    body = dict.fromkeys(("requester", "owner", "campaign", "step", "reason"), HOSTILE)
    told = Told(
        name="submit_task", outcome="failed", subject=HOSTILE, title=f"submit_task {HOSTILE}",
        body=body | {"text": "failed", "links": [{"text": "task", "href": "/pcs/tasks/x/"}]},
    )  # fmt: skip
    message = texts.message_of(told, base_url="https://m.example.org")
    url = f"mmost://127.0.0.1:{sink.port}/aaaaaaaaaaaaaaaaaaaaaaaaaa?format={form}"
    send(order(sink, "", url=url, plain=message.plain, markdown=message.quoted))
    said = sink.bodies[-1]["text"]
    outside = re.sub("<code>.*?</code>" if form == "html" else "`.*?`", "", said)
    assert said.count("bold") == 7
    assert not any(each in outside for each in ("evil", "bold", "](", "_i_", "~~", "#", "&lt;"))
    assert "https://m.example.org/pcs/tasks/x/" in outside
