"""Every event that prodops announces, by whom it is declared."""

from __future__ import annotations

from functools import cache
from types import ModuleType
from typing import Final

from api.pcs import messages as pcs
from deployments.bridge import messages as bridge
from deployments.bridge import unbuilt
from deployments.relay import messages as relay
from flows.common import capabilities
from flows.common.messages import EventBody, msg_type_of

_OTHERS: Final[tuple[ModuleType, ...]] = (pcs, relay, bridge, unbuilt)
"""Modules outside the flows that declare events."""


def declaring() -> tuple[ModuleType, ...]:
    """The modules that declare events in `EVENTS`, the flows' capabilities first."""
    return (*capabilities.modules("messages"), *_OTHERS)


@cache
def events() -> dict[str, type[EventBody]]:
    """The form of every event, by its `msg_type`."""
    return {msg_type_of(form): form for module in declaring() for form in module.EVENTS}
