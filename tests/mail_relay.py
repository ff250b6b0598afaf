"""A real SMTP server in a thread, which takes mail, refuses it, or falls silent."""

from __future__ import annotations

import asyncio
import email
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email.message import EmailMessage
from email.policy import SMTP
from typing import Any

from aiosmtpd.controller import Controller


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


@dataclass
class Relay:
    """What it took, and what it says; `before_answer` is called when it has the content."""

    port: int = 0
    mails: list[EmailMessage] = field(default_factory=list)
    recipients: list[list[str]] = field(default_factory=list)
    refused: dict[str, str] = field(default_factory=dict)
    data_answer: str = "250 taken"
    silent_seconds: float = 0.0

    async def handle_RCPT(  # noqa: N802 - aiosmtpd's name
        self, _server: Any, _session: Any, envelope: Any, address: str, _options: Any
    ) -> str:
        if address in self.refused:
            return self.refused[address]
        envelope.rcpt_tos.append(address)
        return "250 known"

    async def handle_DATA(  # noqa: N802 - aiosmtpd's name
        self, _server: Any, _session: Any, envelope: Any
    ) -> str:
        if self.data_answer.startswith("250"):
            self.mails.append(email.message_from_bytes(envelope.content, policy=SMTP))
            self.recipients.append(list(envelope.rcpt_tos))
        await asyncio.sleep(self.silent_seconds)
        return self.data_answer


@contextmanager
def relay() -> Iterator[Relay]:
    """A relay that takes mail until the end."""
    made = Relay(port=free_port())
    controller = Controller(made, hostname="127.0.0.1", port=made.port)
    controller.start()
    try:
        yield made
    finally:
        controller.stop()
