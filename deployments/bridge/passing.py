"""Requests of the queue that are the original agent's: passed on unchanged to a queue of its own.

While prodops takes over from the original agent, type by type, both work side by side.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field

import structlog

from blocks.message_broker.frames import Delivery
from deployments.bridge.unbuilt import UNBUILT
from flows.common import actions
from flows.common.settings import BadSetting
from flows.common.settings.bus import BusSettings

_CONTROL = frozenset({"health_ping", "shutdown"})

_log = structlog.get_logger("bridge")


@dataclass
class Passing:
    """What is passed on, where to, and how much of it was.

    Attributes:
        source: The queue that all requests come by.
        to: The queue of the original agent; None: nothing is passed on.
        taken: The types (`msg_type`) of requests that prodops takes itself.
        passed: How many were passed on since the start, by type.
    """

    source: str
    to: str | None
    taken: Collection[str]
    passed: Counter[str] = field(default_factory=Counter)

    @classmethod
    def of(cls, configured: BusSettings) -> Passing:
        """What the settings say.

        Raises:
            BadSetting: They name a request that prodops does not know.
        """
        known = actions.all_actions()
        wanted = configured.taken_requests
        for name in wanted or ():
            if name not in known and name not in UNBUILT:
                raise BadSetting(
                    f"setting PRODOPS_BUS_TAKEN_REQUESTS: prodops takes no request {name!r}"
                )
        taken = frozenset(known if wanted is None else wanted) | _CONTROL
        return cls(configured.ops_queue, configured.others_queue, taken)

    def divided(
        self, deliveries: Sequence[Delivery]
    ) -> tuple[list[Delivery], list[tuple[Delivery, str]]]:
        """What is ours; and what is passed on, with its type."""
        types = [(each, self._type_to_pass(each)) for each in deliveries]
        ours = [each for each, name in types if name is None]
        return ours, [(each, name) for each, name in types if name is not None]

    def _type_to_pass(self, delivery: Delivery) -> str | None:
        """The type of a request that is not ours; None: it is ours, or cannot be read.

        What cannot be read is kept here, where an operator sees it.
        """
        if self.to is None or delivery.destination != self.source:
            return None
        try:
            body = json.loads(delivery.body)
        except (ValueError, RecursionError):
            return None
        name = body.get("msg_type") if isinstance(body, dict) else None
        return name if isinstance(name, str) and name and name not in self.taken else None

    def note(self, types: Collection[str]) -> None:
        """Count requests that were passed on, and say so."""
        self.passed.update(types)
        _log.info("passed on", to=self.to, **Counter(types))

    def describe(self) -> dict[str, object]:
        """What is passed on, for the row of the part."""
        if self.to is None:
            return {}
        return {"passes_on_to": self.to, "passed_on": dict(self.passed)}
