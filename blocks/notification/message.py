"""A mail, and its form on the wire."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import formatdate
from typing import Final

from blocks.notification.errors import MailRefused

# Relays that take seven bits only are still there.
_WIRE: Final = SMTP.clone(cte_type="7bit")


@dataclass(frozen=True)
class Attachment:
    """A file of text; the type such as ``text/csv``."""

    name: str
    media_type: str
    text: str


@dataclass(frozen=True)
class Mail:
    """A mail as people read it.

    Attributes:
        key: What the mail is about, once for all: the same key gives the same Message-ID, by
            which a mailbox recognises one that comes twice.
    """

    subject: str
    body: str
    key: str
    attachments: Sequence[Attachment] = ()


def on_the_wire(mail: Mail, *, sender: str, recipients: Sequence[str]) -> EmailMessage:
    """The mail with its headers.

    Raises:
        MailRefused: A header cannot hold what it should.
    """
    message = EmailMessage(policy=_WIRE)
    domain = sender.rpartition("@")[2].strip("> ") or "localhost"
    try:
        message["From"] = sender
        message["To"] = ", ".join(recipients)
        message["Subject"] = " ".join(mail.subject.split())
        message["Date"] = formatdate(usegmt=True)
        message["Message-ID"] = f"<{mail.key}@{domain}>"
        message["Auto-Submitted"] = "auto-generated"
    except ValueError as error:
        raise MailRefused(f"a header of the mail is bad: {error}") from error
    message.set_content(mail.body)
    for each in mail.attachments:
        main, _, sub = each.media_type.partition("/")
        message.add_attachment(
            each.text.encode(),
            maintype=main,
            subtype=sub,
            filename=each.name,
            params={"charset": "utf-8"},
        )
    return message
