"""What every service that Apprise knows is to a channel, so that a new one is looked at."""

from __future__ import annotations

import sys

import pytest
from apprise import Apprise
from apprise.manager_plugins import NotificationManager

from blocks.notification_channel import apprise_service
from blocks.notification_channel.apprise_service import only_service
from blocks.notification_channel.errors import ChannelRefused
from blocks.notification_channel.guard import AddressRefused

# Apprise imports it, on some versions of Python.
pytestmark = pytest.mark.filterwarnings("ignore:'imghdr' is deprecated:DeprecationWarning")

# Over sockets that Python makes: guarded, and not sent to again once they were connected to.
OVER_SOCKETS = {"aprs", "growl", "irc", "ircs", "mqtt", "mqtts", "rsyslog", "smpp", "smpps",
                "xmpp", "xmpps"}  # fmt: skip


def speaks_http(service: type) -> bool:
    modules = [sys.modules[each.__module__] for each in service.__mro__]
    return any(hasattr(each, "requests") for each in modules)


def schemas(service: type) -> set[str]:
    found = (service.protocol, service.secure_protocol)
    return {name for each in found if each for name in ([each] if isinstance(each, str) else each)}


def test_a_service_speaks_http_or_is_known_to_do_otherwise():
    known = NotificationManager()
    known.load_modules()
    others = [each for each in known.plugins() if not speaks_http(each)]
    of_this_machine = apprise_service._OF_THIS_MACHINE
    left = [each for each in others if of_this_machine not in each.templates]
    names = {name for each in left for name in schemas(each)}
    assert names == OVER_SOCKETS | apprise_service._MAIL


def client(*urls: str) -> Apprise:
    made = Apprise()
    for each in urls:
        made.add(each)
    return made


@pytest.mark.parametrize(
    ("urls", "text"),
    [
        (["nothing://x"], "none that Apprise knows"),
        (["json://a", "json://b"], "2 recipients"),
        (["tgram://123456789:abcdefg_hijklmnop/1/2/3/"], "3 recipients"),
        (["mailto://user:secret@gmail.com"], "kind mail"),
        (["mailtos://user:secret@example.org"], "kind mail"),
    ],
)
def test_a_url_names_one_recipient_of_this_kind(urls, text):
    with pytest.raises(ChannelRefused, match=text):
        only_service(client(*urls), is_local_allowed=True)


def test_this_machine_s_log_is_no_channel_unless_it_may_be():
    with pytest.raises(AddressRefused):
        only_service(client("syslog://"), is_local_allowed=False)
    assert only_service(client("syslog://"), is_local_allowed=True)


def test_a_service_is_asked_once_and_its_answer_counts():
    service = only_service(client("json://a?retry=3&optional=yes"), is_local_allowed=False)
    assert (service.retry, service.optional, len(service)) == (0, False, 1)


def test_who_takes_data_gets_plain_text_and_all_others_markdown():
    order = {"plain": "plain", "markdown": "markdown"}
    texts = [
        apprise_service.text_for(only_service(client(url), is_local_allowed=False), order)
        for url in ("jsons://a", "ntfy://topic", "mmost://a/aaaaaaaaaaaaaaaaaaaaaaaaaa")
    ]
    assert texts == ["plain", "markdown", "markdown"]
