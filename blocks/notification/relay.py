"""Prefect's notification block for a mail relay; it holds the path of its password, never it."""

from __future__ import annotations

import asyncio
import stat
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Annotated

from prefect.blocks.abstract import NotificationBlock
from pydantic import Field, StringConstraints, field_validator

from blocks.notification.delivery import deliver
from blocks.notification.errors import MailRefused
from blocks.notification.message import Mail, on_the_wire
from blocks.paths import absolute

_Address = Annotated[
    str, StringConstraints(min_length=3, max_length=320, pattern=r"^[!-~]+@[A-Za-z0-9.\-\[\]:]+$")
]


class MailRelay(NotificationBlock):
    """Sends mail through an SMTP relay.

    Attributes:
        host: Name of the relay.
        sender: Address that the mail comes from.
        recipients: Addresses that it goes to.
        password_file: File (mode 0600) with the password of `username`.
        timeout_seconds: How long the connection, and then the whole delivery, may take.
    """

    _block_type_name = "Mail relay"
    _block_type_slug = "mail-relay"
    _description = "Sends notifications as mail through an SMTP relay."

    host: Annotated[str, StringConstraints(min_length=1, max_length=255)] = Field(
        description="Name of the relay."
    )
    port: int = Field(25, ge=1, le=65535, description="Its port.")
    sender: _Address = Field(description="Address that the mail comes from.")
    recipients: list[_Address] = Field(
        min_length=1, max_length=100, description="Addresses that it goes to."
    )
    starttls: bool = Field(False, description="Whether the connection is made secret first.")
    ca_file: Path | None = Field(None, description="CA certificates; unset: the system's.")
    username: str | None = Field(None, description="User name at the relay; unset: no login.")
    password_file: Path | None = Field(None, description="File (mode 0600) with the password.")
    timeout_seconds: float = Field(
        30.0,
        gt=0,
        le=600,
        description="How long the connection, and then the whole delivery, may take.",
    )

    @field_validator("ca_file", "password_file")
    @classmethod
    def _absolute(cls, value: Path | None) -> Path | None:
        return absolute(value) if value is not None else None

    def send(
        self, mail: Mail, *, handing_over: Callable[[], None] = lambda: None
    ) -> dict[str, str]:
        """Send a mail; raises and returns as :func:`blocks.notification.delivery.deliver`."""
        message = on_the_wire(mail, sender=self.sender, recipients=self.recipients)
        return deliver(self, message, password=self.password(), handing_over=handing_over)

    def password(self) -> str:
        """The password of `username`; empty where there is none.

        Raises:
            MailRefused: It cannot be read, or others can read it.
        """
        return _secret(self.password_file) if self.username is not None else ""

    async def notify(self, body: str, subject: str | None = None) -> None:
        """Send a notification, as Prefect's own blocks do.

        Raises:
            MailRefused, RelayUnavailable, DeliveryUnknown: As delivery does.
        """
        mail = Mail(subject or "prodops", body, key=uuid.uuid4().hex)
        await asyncio.to_thread(self.send, mail)


def _secret(path: Path | None) -> str:
    if path is None:
        raise MailRefused("the relay wants a password, and no file with it is set")
    try:
        mode = stat.S_IMODE(path.stat().st_mode)
        secret = path.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise MailRefused(f"the password file {path} cannot be read: {error}") from error
    if mode & 0o077:
        raise MailRefused(f"the password file {path} may be read by others: chmod 600")
    return secret
