"""Announcing things once: neither a restart nor a lost answer says the same thing again."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from blocks.errors import OutsideUnavailable
from deployments.agents.runtime import Runtime
from deployments.agents.transport import Outgoing

_MOST_RUNS: Final = 16


@dataclass
class Announcer:
    """Sends messages of one type, each once, as the monitor's list of messages knows them.

    Attributes:
        runtime: The agent's.
        msg_type: Of the messages.
        key: What a message is about: of two with the same, the second is not sent.
    """

    runtime: Runtime
    msg_type: str
    key: Callable[[Mapping[str, Any]], Hashable]
    _known: OrderedDict[str, set[Hashable]] = field(default_factory=OrderedDict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def announce(self, message: Outgoing) -> bool:
        """Send it, unless that has been done; waits for the monitor.

        Returns:
            Whether it was sent now.

        Raises:
            Stopping: The agent is to stop.
            ProdOpsError: The monitor refuses it.
        """
        run_id, key = str(message.body.get("run_id")), self.key(message.body)
        if key in self._of_run(run_id):
            return False

        def send() -> bool:
            try:
                self.runtime.transport.send(message)
            except OutsideUnavailable:
                # It may have been taken, and the answer lost: the monitor is asked before the next.
                self._forget(run_id)
                raise
            return True

        def send_unless_known() -> bool:
            return key not in self._of_run(run_id) and send()

        is_sent = bool(self.runtime.ask(f"take a {self.msg_type}", send_unless_known))
        self._of_run(run_id).add(key)
        return is_sent

    def _of_run(self, run_id: str) -> set[Hashable]:
        """What has been announced of a run; asked of the monitor the first time."""
        with self._lock:
            if run_id in self._known:
                self._known.move_to_end(run_id)
                return self._known[run_id]
        filters = {"message_type": self.msg_type, "run_id": run_id}
        rows = self.runtime.ask(
            f"list the {self.msg_type} messages",
            lambda: self.runtime.api.rows("workflow-messages", **filters),
        )
        found = [row["message_content"] for row in rows if row.get("message_type") == self.msg_type]
        with self._lock:
            keys = {self.key(body) for body in found if str(body.get("run_id")) == run_id}
            known = self._known.setdefault(run_id, set())
            known |= keys
            while len(self._known) > _MOST_RUNS:
                self._known.popitem(last=False)
            return known

    def _forget(self, run_id: str) -> None:
        with self._lock:
            self._known.pop(run_id, None)
