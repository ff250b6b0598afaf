"""The methods of PanDA's REST API that the sandbox has, each declared where it is written."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from deployments.sandbox.panda.cache import SandboxCache
from deployments.sandbox.panda.jobs import PutJobs
from deployments.sandbox.panda.protocol import Endpoint, Envelope
from deployments.sandbox.panda.state import PandaState
from deployments.sandbox.panda.tasks import Task

ENDPOINTS: dict[str, Endpoint] = {}
"""Every method, by ``module/method``."""

NOT_FOUND = Envelope(False, "Task not found")

Method = Callable[..., Envelope]


@dataclass(frozen=True)
class Panda:
    """What the methods work on."""

    state: PandaState
    cache: SandboxCache
    jobs: PutJobs

    def refined(self, task_id: int) -> Task | None:
        """The task, if JEDI knows it."""
        task = self.state.get(task_id)
        return task if task is not None and task.is_refined else None


def get(name: str, *, is_secure: bool = True) -> Callable[[Method], Method]:
    """Declare a method that is asked with GET."""

    def declare(method: Method) -> Method:
        ENDPOINTS[name] = Endpoint("GET", method, is_secure=is_secure)
        return method

    return declare


def post(name: str, *, is_production: bool = False) -> Callable[[Method], Method]:
    """Declare a method that is asked with POST."""

    def declare(method: Method) -> Method:
        ENDPOINTS[name] = Endpoint("POST", method, is_production=is_production)
        return method

    return declare
