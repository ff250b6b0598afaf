"""What an original fast-monitoring agent calls for one STF: 46 requests, one after the other.

Source: fastmon contract section 9, number 5: 7 TF files, 31 log records, 8 heartbeats.
"""

from __future__ import annotations

import itertools
import os
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final

import requests

TFS: Final = 7
CALLS: Final = 46
_LOGS_BEFORE: Final = 3
_LOGS_PER_TF: Final = 4
_CREATED: Final = frozenset({200, 201})
_TIMEOUT_SECONDS: Final = 10

Call = tuple[str, dict[str, Any]]
"""The path below `/api/`, and the body."""


@dataclass(frozen=True)
class Place:
    """Where the agents call, and with which token."""

    url: str
    token: str
    stf_filename: str


@dataclass
class Agent:
    """One agent: it works through STFs until it is told to end, and times each answer.

    `pause_seconds`: so long it waits after each answer.
    """

    place: Place
    name: str
    is_fresh: bool
    pause_seconds: float = 0.0
    seconds: list[float] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)
    stfs: int = 0

    def work(self, ended: threading.Event) -> None:
        """Do STF after STF. A fresh agent connects for each call, the others keep connections."""
        with requests.Session() as kept:
            kept.headers.update(self._headers)
            post = self._post_anew if self.is_fresh else kept.post
            for number in itertools.count():
                for call in self._calls(number):
                    if ended.is_set():
                        return
                    self._send(post, call)
                    if self.pause_seconds:
                        ended.wait(self.pause_seconds)
                self.stfs += 1

    @property
    def _headers(self) -> dict[str, str]:
        return {"Authorization": f"Token {self.place.token}"}

    def _post_anew(self, url: str, **given: Any) -> requests.Response:
        return requests.post(url, headers=self._headers, **given)  # noqa: S113 - it is given

    def _send(self, post: Callable[..., requests.Response], call: Call) -> None:
        path, body = call
        began = time.perf_counter()
        try:
            answer = post(
                f"{self.place.url}/api/{path}/",
                json=body,
                timeout=_TIMEOUT_SECONDS,
                allow_redirects=False,
            )
        except requests.RequestException as error:
            self.failures.append(f"{path}: {error}")
            return
        self.seconds.append(time.perf_counter() - began)
        if answer.status_code not in _CREATED:
            self.failures.append(f"{path}: {answer.status_code} {answer.text}")

    def _calls(self, stf: int) -> Iterator[Call]:
        """The calls of one STF, as a message announces it and its TF files come back."""
        yield self._heartbeat()
        for _ in range(_LOGS_BEFORE):
            yield self._log("Processing message: stf_ready")
        for tf in range(TFS):
            yield self._tf(stf, tf)
            for _ in range(_LOGS_PER_TF // 2):
                yield self._log("Sent message: tf_file_registered")
            yield self._heartbeat()  # of its own message, which comes back
            for _ in range(_LOGS_PER_TF // 2):
                yield self._log("Received message: tf_file_registered")

    def _heartbeat(self) -> Call:
        return "systemagents/heartbeat", {
            "instance_name": self.name,
            "agent_type": "fastmon",
            "status": "OK",
            "description": "fastmon agent. MQ: connected",
            "mq_connected": True,
            "pid": os.getpid(),
            "hostname": "bench",
            "operational_state": "READY",
            "namespace": "bench",
        }

    def _log(self, message: str) -> Call:
        return "logs", {
            "app_name": "base_agent",
            "instance_name": self.name,
            "timestamp": datetime.now(UTC).replace(tzinfo=None).isoformat(),
            "level": 20,
            "levelname": "INFO",
            "message": message,
            "module": "base_agent",
            "funcname": "log_received_message",
            "lineno": 485,
            "process": os.getpid(),
            "thread": threading.get_ident(),
            "extra_data": {"username": "bench", "run_id": "100123"},
        }

    def tf_name(self, stf: int, tf: int) -> str:
        """The name of one of its TF files, by the numbers of its STF and of itself, from 0."""
        return f"{self.name}.{stf:06d}_tf_{tf + 1:03d}.tf"

    def _tf(self, stf: int, tf: int) -> Call:
        return "fastmon-files", {
            "stf_file": self.place.stf_filename,
            "tf_filename": self.tf_name(stf, tf),
            "file_size_bytes": 46137344,
            "status": "registered",
            "metadata": {"simulation": True, "agent_name": self.name, "state": "run"},
            "tf_first": 140 * tf,
            "tf_last": 140 * tf + 20,
            "tf_count": 21,
        }


def work(place: Place, names: list[str], seconds: float, *, is_fresh: bool) -> dict[str, Any]:
    """Let so many agents work in this process for that long; gives what they measured.

    Returns:
        answers: seconds of each answer; failures: what was no success; stfs: STFs that were done.
    """
    agents = [Agent(place, name, is_fresh) for name in names]
    ended = threading.Event()
    threads = [threading.Thread(target=each.work, args=(ended,)) for each in agents]
    for thread in threads:
        thread.start()
    ended.wait(seconds)
    ended.set()
    for thread in threads:
        thread.join()
    return {
        "answers": [second for each in agents for second in each.seconds],
        "failures": [failure for each in agents for failure in each.failures],
        "stfs": sum(each.stfs for each in agents),
    }
