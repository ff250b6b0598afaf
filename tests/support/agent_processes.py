"""Our agents as processes, against a monitor: started, killed, and started again."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx

from tests.waiting import PATIENCE, wait_until

KINDS = ("data", "processing", "fast-processing")
NAMESPACE = "torre1"
SETTINGS = {"PRODOPS_AGENT_HEARTBEAT_SECONDS": "1", "PRODOPS_AGENT_DRAIN_SECONDS": "5"}


@dataclass
class Crew:
    """Agents of one namespace; each remembers what it has dealt with in a file of its own."""

    url: str
    token: str
    directory: Path
    api: httpx.Client
    running: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)

    def start(self, *kinds: str, is_awaited: bool = True) -> None:
        for kind in kinds:
            with (self.directory / f"{kind}.log").open("a") as log:
                self.running[kind] = subprocess.Popen(
                    [
                        sys.executable, "-m", "deployments.cli", "agent", kind, "--url", self.url,
                        "--namespace", NAMESPACE, "--memory", self.directory / f"{kind}.json",
                    ],
                    env={**os.environ, **SETTINGS, "SWF_API_TOKEN": self.token},
                    stdout=log,
                    stderr=subprocess.STDOUT,
                )  # fmt: skip
        if is_awaited:
            wait_until(lambda: all(self.is_ready(kind) for kind in kinds))

    def is_ready(self, kind: str) -> bool:
        """Whether this life of the agent has said that it is ready."""
        process = self.running[kind]
        assert process.poll() is None, self.log(kind)
        said = [each for each in self.agents() if each["pid"] == process.pid]
        return any(each["operational_state"] in {"READY", "PROCESSING"} for each in said)

    def agents(self) -> list[dict[str, Any]]:
        return self.rows("systemagents")

    def kill(self, kind: str) -> None:
        self.running[kind].kill()
        self.running.pop(kind).wait(PATIENCE)

    def end(self, kind: str, number: signal.Signals = signal.SIGTERM) -> int:
        process = self.running.pop(kind)
        process.send_signal(number)
        return process.wait(PATIENCE)

    def close(self) -> None:
        for process in self.running.values():
            process.kill()
            process.wait(PATIENCE)

    def log(self, kind: str) -> str:
        return (self.directory / f"{kind}.log").read_text()

    # ------------------------------------------------------------------ what came of it

    def rows(self, collection: str, **filters: str) -> list[dict[str, Any]]:
        answer = self.api.get(f"/api/{collection}/", params=filters)
        assert answer.status_code == 200, answer.text
        return list(answer.json())

    def send(self, *bodies: dict[str, Any]) -> None:
        for body in bodies:
            answer = self.api.post("/api/messages/", json=body)
            assert answer.status_code == 201, answer.text

    def messages(self, msg_type: str) -> list[dict[str, Any]]:
        rows = self.rows("workflow-messages", message_type=msg_type)
        return [row["message_content"] for row in rows]

    def counts(self) -> Counter[str]:
        """How many messages of each type there are."""
        return Counter(row["message_type"] for row in self.rows("workflow-messages"))

    def wait_for(self, **wanted: int) -> None:
        """Wait until there are at least so many messages of these types."""
        wait_until(lambda: all(self.counts()[kind] >= number for kind, number in wanted.items()))
