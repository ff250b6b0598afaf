"""How a broker is reached, and who we are there."""

from __future__ import annotations

import stat
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from blocks.message_broker.errors import BadLogin


class Login(NamedTuple):
    """A user of the broker, and the password."""

    user: str
    password: str


@dataclass(frozen=True, kw_only=True)
class BrokerAccess:
    """Where the broker is, and by what it knows us.

    Attributes:
        host: Its host.
        port: Its STOMP port.
        login_file: File (mode 0600) with `user:password`, read at each connection; None: none.
        client_id: Our client id: with it, the broker keeps durable subscriptions.
        has_tls: Whether it speaks TLS.
        ca_file: Certificates to verify it with; None: the system's.
        certificate_file: Our own certificate, where it wants one; with `key_file`.
        key_file: Its key.
        heartbeat_seconds: How often each side says that it is there.
        answer_seconds: How long an answer is waited for.
    """

    host: str
    port: int
    login_file: Path | None = None
    client_id: str | None = None
    has_tls: bool = False
    ca_file: Path | None = None
    certificate_file: Path | None = None
    key_file: Path | None = None
    heartbeat_seconds: float = 3.0
    answer_seconds: float = field(default=10.0)

    @property
    def place(self) -> str:
        """The broker, as messages name it."""
        return f"{self.host}:{self.port}"

    def login(self) -> Login | None:
        """The user and password; None where none are set.

        Raises:
            BadLogin: The file cannot be read, others can read it, or it is not `user:password`.
        """
        return None if self.login_file is None else read_login(self.login_file)


def read_login(path: Path) -> Login:
    """The user and password that a file holds, as `user:password` in one line.

    Raises:
        BadLogin: It cannot be read, others can read it, or it is not of that form.
    """
    try:
        mode = stat.S_IMODE(path.stat().st_mode)
        text = path.read_text(encoding="utf-8").strip()
    except (OSError, ValueError) as error:
        raise BadLogin(f"the broker's login file {path}: {error}") from error
    if mode & 0o077:
        raise BadLogin(f"the broker's login file {path} has mode {mode:o}: chmod 600 it")
    user, colon, password = text.partition(":")
    if not user or not colon or "\n" in text:
        raise BadLogin(f"the broker's login file {path} must hold one line: user:password")
    return Login(user, password)
