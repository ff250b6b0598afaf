"""How the broker is reached, by the settings of the bus."""

from __future__ import annotations

from blocks.message_broker.access import BrokerAccess
from flows.common.settings.bus import BusSettings


def access_of(bus: BusSettings) -> BrokerAccess:
    """How the broker is reached."""
    return BrokerAccess(
        host=bus.host or "",
        port=bus.port,
        login_file=bus.login_file,
        client_id=bus.client_id,
        has_tls=bus.has_tls,
        ca_file=bus.ca_file,
        certificate_file=bus.certificate_file,
        key_file=bus.key_file,
        heartbeat_seconds=bus.heartbeat_seconds,
    )
