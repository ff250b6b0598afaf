"""What it takes to reach a message broker: the fields of its block."""

from __future__ import annotations

from typing import ClassVar

from pydantic import Field

from blocks.configuration import AbsolutePath, Configuration
from blocks.message_broker.access import BrokerAccess


class BrokerConfiguration(Configuration):
    """A message broker that speaks STOMP, and our login there."""

    PRIVATE: ClassVar[frozenset[str]] = frozenset({"login_file", "key_file"})

    host: str = Field(min_length=1, max_length=255, description="Host of the broker.")
    port: int = Field(61612, ge=1, le=65535, description="Its STOMP port.")
    login_file: AbsolutePath | None = Field(
        None, description="File (mode 0600) with user:password at the broker; unset: no login."
    )
    has_tls: bool = Field(False, description="Whether the broker speaks TLS on that port.")
    ca_file: AbsolutePath | None = Field(
        None, description="Certificates that the broker is verified with; unset: the system's."
    )
    certificate_file: AbsolutePath | None = Field(
        None, description="Our certificate, where the broker wants one."
    )
    key_file: AbsolutePath | None = Field(
        None, description="The key of that certificate (mode 0600)."
    )
    heartbeat_seconds: float = Field(
        3.0,
        ge=0.1,
        description="How often each side says that it is there; a broker that is silent for 2.5 "
        "times as long is left.",
    )

    def access(self, *, client_id: str | None = None) -> BrokerAccess:
        """How the broker is reached.

        Args:
            client_id: Under which it keeps durable subscriptions; None: it keeps none.
        """
        return BrokerAccess(
            host=self.host,
            port=self.port,
            login_file=self.login_file,
            client_id=client_id,
            has_tls=self.has_tls,
            ca_file=self.ca_file,
            certificate_file=self.certificate_file,
            key_file=self.key_file,
            heartbeat_seconds=self.heartbeat_seconds,
        )
