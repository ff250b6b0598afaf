"""Deliveries for tests."""

from __future__ import annotations

import itertools
import json
from collections.abc import Mapping
from typing import Any

from blocks.message_broker.frames import Delivery

TOPIC = "/topic/epictopic"
QUEUE = "/queue/epicprod.ops"
_numbers = itertools.count(1)


def delivery(
    body: Mapping[str, Any] | bytes,
    destination: str = TOPIC,
    *,
    message_id: str | None = None,
    headers: Mapping[str, str] | None = None,
) -> Delivery:
    """A message as the broker delivers it; a new one each time, unless an id is given."""
    number = next(_numbers)
    text = body if isinstance(body, bytes) else json.dumps(body).encode()
    key = f"ID:broker:{number}" if message_id is None else message_id
    return Delivery(destination, key, str(number), dict(headers or {}), text)
