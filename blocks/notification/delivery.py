"""The delivery of one mail to one relay over SMTP, bounded as a whole.

The steps up to the content commit a relay to nothing. So who sends can write down that the mail is
being handed over just before it is, and nothing but that last step leaves anything unknown.
"""

from __future__ import annotations

import smtplib
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from email.message import EmailMessage
from socket import SHUT_RDWR
from typing import TYPE_CHECKING, Final

from blocks.notification.errors import (
    DeliveryUnknown,
    MailRefused,
    RecipientsPutOff,
    RecipientsRefused,
    RelayUnavailable,
)
from blocks.outside_calls import System, counted
from blocks.tls import without_strict_form

if TYPE_CHECKING:
    from blocks.notification.relay import MailRelay

_ACCEPTED: Final = range(250, 260)
_PERMANENT: Final = 500
_CLOSING: Final = 421  # whatever was asked for
_LOOPBACK: Final = ("127.0.0.1", "::1", "localhost")
_BROKEN: Final = (OSError, smtplib.SMTPServerDisconnected)


def deliver(
    relay: MailRelay, message: EmailMessage, *, password: str, handing_over: Callable[[], None]
) -> dict[str, str]:
    """Hand the mail over.

    Args:
        relay: Who takes it, from whom and for whom.
        message: The whole mail.
        password: Of the relay's user, if it has one; it travels over TLS only.
        handing_over: Called when all is agreed, before the content goes out.

    Returns:
        What the relay said of the recipients that it refused; it took the mail for the others.

    Raises:
        RelayUnavailable: It did not answer in time, or not now; a `RecipientsPutOff` where that is
            of the recipients alone.
        MailRefused: It will not take the mail; a `RecipientsRefused` likewise.
        DeliveryUnknown: It got the content, and did not say what became of it.
    """
    with counted(System.MAIL), _connected(relay) as (smtp, was_too_late):
        with _before_handing_over(relay, was_too_late):
            refused = _agree(smtp, relay, password)
        handing_over()
        _send_content(smtp, message, was_too_late)
        return refused


def greet(relay: MailRelay, *, password: str) -> None:
    """Connect, greet and log in; no mail is begun.

    Raises:
        RelayUnavailable, MailRefused: As :func:`deliver`.
    """
    with (
        counted(System.MAIL),
        _connected(relay) as (smtp, was_too_late),
        _before_handing_over(relay, was_too_late),
    ):
        _introduce(smtp, relay, password)


@contextmanager
def _connected(relay: MailRelay) -> Iterator[tuple[smtplib.SMTP, threading.Event]]:
    """A connection that is cut when the time is over, however slowly the relay talks."""
    was_too_late = threading.Event()
    with _before_handing_over(relay, was_too_late):
        smtp = smtplib.SMTP(relay.host, relay.port, timeout=relay.timeout_seconds)
    timer = threading.Timer(relay.timeout_seconds, _cut, (smtp, was_too_late))
    timer.daemon = True
    timer.start()
    try:
        yield smtp, was_too_late
    finally:
        timer.cancel()
        smtp.close()


def _cut(smtp: smtplib.SMTP, was_too_late: threading.Event) -> None:
    was_too_late.set()
    sock = smtp.sock
    if sock is not None:
        try:
            sock.shutdown(SHUT_RDWR)
        except OSError:
            return  # it is closed already


def _agree(smtp: smtplib.SMTP, relay: MailRelay, password: str) -> dict[str, str]:
    """Everything before the content; what was said of recipients that are refused."""
    _introduce(smtp, relay, password)
    _demand(smtp.mail(relay.sender), f"the sender {relay.sender}")
    refused = {}
    for recipient in relay.recipients:
        code, said = smtp.rcpt(recipient)
        if not _is_accepted(code):
            refused[recipient] = f"{code} {_text(said)}"
            last = code, said
    if len(refused) == len(relay.recipients):
        raise _of_recipients(*last)
    return refused


def _introduce(smtp: smtplib.SMTP, relay: MailRelay, password: str) -> None:
    """Say who we are: by name, and by password where there is one, over TLS."""
    smtp.ehlo_or_helo_if_needed()
    if relay.starttls:
        context = ssl.create_default_context(cafile=relay.ca_file)
        smtp.starttls(context=without_strict_form(context))
        smtp.ehlo()
    if relay.username is not None:
        if not relay.starttls and relay.host not in _LOOPBACK:
            raise MailRefused("a password is sent over TLS only: set starttls")
        smtp.login(relay.username, password)


def _send_content(smtp: smtplib.SMTP, message: EmailMessage, was_too_late: threading.Event) -> None:
    answer: tuple[int, bytes | str]
    try:
        answer = smtp.data(message.as_bytes())
    except smtplib.SMTPDataError as error:  # it refused the command: nothing went out
        answer = error.smtp_code, error.smtp_error
    except _BROKEN as error:
        late = " in time" if was_too_late.is_set() else f": {error}"
        raise DeliveryUnknown(
            f"the mail was handed over, and the relay did not confirm it{late}"
        ) from error
    _demand(answer, "the mail")


@contextmanager
def _before_handing_over(relay: MailRelay, was_too_late: threading.Event) -> Iterator[None]:
    place = f"the relay {relay.host}:{relay.port}"
    try:
        yield
    except smtplib.SMTPResponseException as error:
        raise _refusal(error.smtp_code, error.smtp_error, "the session", place) from error
    except smtplib.SMTPNotSupportedError as error:
        raise MailRefused(f"{place} cannot do what is asked: {error}") from error
    except ssl.SSLCertVerificationError as error:
        raise MailRefused(f"{place} shows a bad certificate: {error.verify_message}") from error
    except _BROKEN as error:
        slow = was_too_late.is_set() or isinstance(error, TimeoutError)
        why = f"within {relay.timeout_seconds:g} s" if slow else f"({error})"
        raise RelayUnavailable(f"{place} did not answer {why}") from error


def _demand(answer: tuple[int, bytes | str], what: str) -> None:
    code, said = answer
    if not _is_accepted(code):
        raise _refusal(code, said, what)


def _of_recipients(code: int, said: bytes | str) -> MailRefused | RelayUnavailable:
    refusal = _refusal(code, said, "every recipient")
    if code == _CLOSING:
        return refusal
    kind = RecipientsRefused if isinstance(refusal, MailRefused) else RecipientsPutOff
    return kind(str(refusal))


def _refusal(
    code: int, said: bytes | str, what: str, who: str = "the relay"
) -> MailRefused | RelayUnavailable:
    text = f"{who} does not take {what}: {code} {_text(said)}"
    return MailRefused(text) if code >= _PERMANENT else RelayUnavailable(text)


def _is_accepted(code: int) -> bool:
    return code in _ACCEPTED


def _text(said: bytes | str) -> str:
    text = said.decode(errors="replace") if isinstance(said, bytes) else said
    return " ".join(text.split())[:300]
