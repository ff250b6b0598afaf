"""Client of the PanDA server's REST API (/api/v1): tasks and jobs looked up, tasks operated."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import urlsplit

import httpx

from blocks.closing import Closing
from blocks.outside_calls import CallOutcome, System, counted
from blocks.panda_server.answers import Answer, read_answer
from blocks.panda_server.errors import PandaRefused, PandaUnavailable
from blocks.panda_server.jobs import PandaJob
from blocks.panda_server.tasks import WAITING, PandaTask
from blocks.panda_server.trust import trust

_NOT_FOUND = "Task not found"
_TAKEN = 0
_REACTIVATED = 3
_MOST_NAMESAKES = 100
_T = TypeVar("_T")


class PandaServer(Closing):
    """A PanDA server at one address, spoken to with one token; nothing is tried again here.

    Every method raises PandaUnavailable, PandaRefused or TokenRefused as its answer says.
    """

    def __init__(
        self,
        base_url: str,
        token: Callable[[], str],
        *,
        vo: str,
        timeout_seconds: float,
        ca: Path | None = None,
        transport: httpx.BaseTransport | None = None,
    ) -> None:
        """Make the client; nothing is connected yet.

        Args:
            base_url: as prun's PANDA_URL_SSL; its path does not count.
            token: gives the token for each request.
            vo: virtual organisation and role, such as ``EIC.production``.
            timeout_seconds: how long an answer may let wait for its next part.
            ca: directory of CA certificates (see :func:`trust`).
            transport: stands in for the network, in tests.
        """
        self.origin = origin_of(base_url)
        self._token = token
        self._client = httpx.Client(
            headers={"Accept": "application/json", "Origin": vo},
            verify=trust(ca, base_url),
            timeout=timeout_seconds,
            transport=transport,
        )

    def close(self) -> None:
        """Close the connections."""
        self._client.close()

    def is_alive(self) -> str:
        """What the server says of itself; no token is shown to it."""
        return self._ask("GET", "system/is_alive", {}).granted().message or "nothing"

    def tasks_named(self, name: str, *, user_name: str) -> list[PandaTask]:
        """Tasks of any age that bear `name`, with prun's trailing slash or without, by id.

        A task that still waits to be refined is not among them.
        """
        bare = name.rstrip("/")
        found = [
            task
            for spelling in (bare + "/", bare)
            for task in self._tasks({"taskName": spelling, "userName": user_name}, _MOST_NAMESAKES)
            if task.name == bare
        ]
        return sorted({task.id: task for task in found}.values(), key=lambda task: task.id)

    def task(self, jedi_task_id: int, *, user_name: str) -> PandaTask | None:
        """The task of that id; None while JEDI does not know it."""
        wanted = {"jediTaskID": str(jedi_task_id), "userName": user_name}
        return next((each for each in self._tasks(wanted, 1) if each.id == jedi_task_id), None)

    def find(self, jedi_task_id: int) -> PandaTask | None:
        """The task of that id, whoever's it is; None of an unknown one.

        Its parameters say its name and whose it is, also while it waits to be refined; what JEDI
        shows is asked for under that user, since a look-up shows the tasks of one user only.
        """
        parameters = self.parameters(jedi_task_id)
        if parameters is None:
            return None
        user = parameters.get("userName")
        found = self.task(jedi_task_id, user_name=user) if isinstance(user, str) and user else None
        if found is not None:
            return found
        status = self.status(jedi_task_id) or WAITING
        return PandaTask.from_parameters(jedi_task_id, parameters, status=status)

    def modified_since(
        self, since: datetime, *, user_name: str, limit: int = 1000
    ) -> list[PandaTask]:
        """The user's tasks that changed since an aware time, to the second, by id.

        PanDA looks back 30 days at most. Where `limit` tasks come, there may be more.
        """
        floor = since.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S")
        found = self._tasks({"userName": user_name}, limit, since=floor)
        return sorted(found, key=lambda task: task.id)

    def status(self, jedi_task_id: int) -> str | None:
        """The task's status; None while JEDI does not know it.

        PanDA says the same of a task whose status its database could not give: None is no proof.
        """
        return self._found("task/get_status", jedi_task_id, "status", str)

    def parameters(self, jedi_task_id: int) -> dict[str, Any] | None:
        """What the task was submitted with, also while it waits; None of an unknown one."""
        return self._found("task/get_task_parameters", jedi_task_id, "parameters", dict)

    def job(self, panda_id: int) -> PandaJob | None:
        """The job of that PandaID, live or archived; None while PanDA does not know it."""
        path = "job/get_description_incl_archive"
        answer = self._exchange("POST", path, json={"job_ids": [panda_id]})
        rows = answer.granted().data
        try:
            found = [PandaJob.from_row(row) for row in rows if row is not None]
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            raise PandaUnavailable(f"PanDA gave no description of a job: {error!r}") from error
        return next((job for job in found if job.panda_id == panda_id), None)

    def increase_attempts(self, jedi_task_id: int, increase: int) -> str:
        """Let failed jobs be tried `increase` times more; return what PanDA says."""
        return self._operate("increase_attempts", {"task_id": jedi_task_id, "increase": increase})

    def retry(self, jedi_task_id: int, new_parameters: Mapping[str, Any] | None = None) -> str:
        """Retry the task's failures, with parameters changed; return what PanDA says."""
        body: dict[str, Any] = {"task_id": jedi_task_id}
        if not new_parameters:
            return self._operate("retry", body)
        # With new parameters PanDA submits the task anew, and code 3 accepts it.
        body["new_parameters"] = dict(new_parameters)
        return self._operate("retry", body, accepted=(_TAKEN, _REACTIVATED))

    def pause(self, jedi_task_id: int) -> str:
        """Ask for the task to be paused; return what PanDA says."""
        return self._operate("pause", {"task_id": jedi_task_id})

    def resume(self, jedi_task_id: int) -> str:
        """Ask for a paused task to go on; return what PanDA says."""
        return self._operate("resume", {"task_id": jedi_task_id})

    def _tasks(
        self, filters: Mapping[str, str], limit: int, *, since: str | None = None
    ) -> list[PandaTask]:
        params = {"filters": json.dumps(filters), "n_tasks": str(limit)}
        if since is not None:
            params["since"] = since
        path = "task/get_tasks_detailed_info_since"
        answer = self._exchange("GET", path, params=params)
        rows = answer.granted().data
        try:
            return [PandaTask.from_row(row) for row in rows]
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            raise PandaUnavailable(f"PanDA gave no list of tasks: {error!r}") from error

    def _found(self, path: str, jedi_task_id: int, what: str, form: type[_T]) -> _T | None:
        params = {"task_id": str(jedi_task_id)}
        answer = self._exchange("GET", path, params=params)
        if not answer.success and answer.message == _NOT_FOUND:
            return None
        data = answer.granted().data
        if data is not None and not isinstance(data, form):
            raise PandaUnavailable(f"PanDA gave no {what} of task {jedi_task_id}")
        return data

    def _operate(
        self, operation: str, body: Mapping[str, Any], *, accepted: tuple[int, ...] = (_TAKEN,)
    ) -> str:
        answer = self._exchange("POST", f"task/{operation}", json=body)
        return answer.accepted(accepted).words

    def _exchange(self, method: str, path: str, **parts: Any) -> Answer:
        return self._ask(method, path, {"Authorization": f"Bearer {self._token()}"}, **parts)

    def _ask(self, method: str, path: str, headers: Mapping[str, str], **parts: Any) -> Answer:
        url = f"{self.origin}/api/v1/{path}"
        with counted(System.PANDA) as call:
            try:
                response = self._client.request(method, url, headers=headers, **parts)
            except httpx.RequestError as error:
                reason = str(error) or type(error).__name__
                raise PandaUnavailable(f"no answer from {self.origin}: {reason}") from error
            answer = read_answer(response)
            if not answer.success:
                is_absent = answer.message == _NOT_FOUND
                call.outcome = CallOutcome.NOT_FOUND if is_absent else CallOutcome.REFUSED
        return answer


def origin_of(url: str) -> str:
    """Scheme, host and port of a PanDA address: all of it that its API's users take.

    Raises:
        PandaRefused: It is no http:// or https:// URL.
    """
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise PandaRefused(f"the address {url!r} is no http:// or https:// URL")
    return f"{parts.scheme}://{parts.netloc}"
