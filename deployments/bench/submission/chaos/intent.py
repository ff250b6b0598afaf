"""One intent in play: its clicks, its kills at their steps, its answers and its events."""

from __future__ import annotations

import re
import threading
import time
from dataclasses import asdict, dataclass, field
from typing import Final

import httpx

from deployments.bench.submission.chaos.evidence import Answer, Panda
from deployments.bench.submission.chaos.follower import Announcement
from deployments.bench.submission.chaos.schedule import Click, Door, Kill, Schedule
from deployments.bench.submission.chaos.victims import Victims
from flows.submission import messages
from flows.submission.models import Step

_AGAIN_SECONDS: Final = 0.2
_AWAY: Final = frozenset({502, 503, 504})


@dataclass(eq=False)
class Intent:
    """What one schedule wants, and what comes of it."""

    schedule: Schedule
    task_name: str
    panda_name: str
    answers: list[Answer] = field(default_factory=list)
    events: list[Announcement] = field(default_factory=list)
    kills: list[str] = field(default_factory=list)
    most_open: int = 0
    is_settled: bool = False
    _to_come: list[Kill] = field(default_factory=list)
    _threads: list[threading.Thread] = field(default_factory=list)
    _stopping: threading.Event = field(default_factory=threading.Event)

    @property
    def is_busy(self) -> bool:
        """Whether a click is not answered yet, or a kill is being done."""
        self._threads = [thread for thread in self._threads if thread.is_alive()]
        return bool(self._threads)

    def begin(self, http: httpx.Client, panda: Panda) -> None:
        """Let PanDA do what it is to do wrong, and ask for the submission."""
        for fault in self.schedule.faults:
            panda.fault(**asdict(fault), name=self._name_at(fault.endpoint))
        self._to_come = list(self.schedule.kills)
        for click in self.schedule.clicks:
            self._start(self._ask, http, click)

    def ask_again(self, http: httpx.Client) -> None:
        """Press the button once more: a submission was refused for good."""
        self._start(self._ask, http, Click(0.0, Door.BUTTON))

    def take(self, event: Announcement, victims: Victims) -> None:
        """Take an event, and kill what is to be killed at its step."""
        self.events.append(event)
        for kill in [kill for kill in self._to_come if _is_at(event, kill.step)]:
            self._to_come.remove(kill)
            self._start(self._strike, kill, event.request_id, victims)

    def end(self) -> None:
        """Ask for nothing more; wait for what is under way."""
        self._stopping.set()
        for thread in self._threads:
            thread.join()
        self.kills += [f"{kill}: the step never came" for kill in self._to_come]

    def _name_at(self, endpoint: str) -> str | None:
        """Which requests a fault strikes: those of this task, where they say of which they are."""
        return re.escape(self.panda_name) if endpoint.startswith("task/") else None

    def _start(self, work: object, *arguments: object) -> None:
        thread = threading.Thread(target=work, args=arguments, daemon=True)  # type: ignore[arg-type]
        self._threads.append(thread)
        thread.start()

    def _ask(self, http: httpx.Client, click: Click) -> None:
        """Ask until there is an answer that is not of an outage."""
        if self._stopping.wait(click.at_seconds):
            return
        path, body = self._way(click.door)
        while not self._stopping.is_set():
            try:
                answer = http.post(path, json=body)
            except httpx.TransportError:
                answer = None
            if answer is not None and answer.status_code not in _AWAY:
                found = Answer(door=click.door, status=answer.status_code, text=answer.text[:300])
                self.answers.append(found)
                return
            self._stopping.wait(_AGAIN_SECONDS)

    def _way(self, door: Door) -> tuple[str, dict[str, str]]:
        if door is Door.BUTTON:
            return f"/pcs/api/prod-tasks/{self.task_name}/submit/", {}
        name = self.task_name if door is Door.ACTION else self.panda_name
        return "/api/actions/submit_task/", {"task_name": name}

    def _strike(self, kill: Kill, request_id: int, victims: Victims) -> None:
        done = victims.kill(
            kill.victim,
            request_id=request_id,
            panda_name=self.panda_name,
            delay=kill.delay_seconds,
        )
        at = time.strftime("%H:%M:%S", time.gmtime())
        self.kills.append(f"{at} {kill}: {done}")


def _is_at(event: Announcement, step: Step) -> bool:
    """Whether the step has come with the event; the last one comes with the outcome."""
    if step is Step.CLOSE:
        return event.is_final
    return event.msg_type == messages.PROGRESS and event.payload["step"] == step
