"""Client of a PCS's REST API, ours or the original's: tasks, commands, and what became of them."""

from __future__ import annotations

from functools import cached_property
from typing import Any
from urllib.parse import quote

import httpx
from pydantic import TypeAdapter

from blocks.pcs_service.catalogue import PcsCatalogue
from blocks.pcs_service.connection import PcsConnection, checked
from blocks.pcs_service.errors import PcsUnavailable, RouteMissing, TaskUnknown
from blocks.pcs_service.models import ProdTask

COMPLETED_BY = frozenset({"done", "finished"})
FAILED_BY = frozenset({"failed", "broken", "aborted"})
"""Statuses at PanDA that make a submitted task ``completed``, or ``failed``."""

_TASK = TypeAdapter(ProdTask)
_DOTS = frozenset({".", ".."})


class PcsService(PcsConnection):
    """The tasks of a PCS.

    Every method raises PcsUnavailable, or PcsRefused in one of its forms, as its answer says.
    A task is named by its composed name, its stored name or its number.
    """

    @cached_property
    def catalogue(self) -> PcsCatalogue:
        """Campaigns and what is requested."""
        return PcsCatalogue(self)

    def task(self, name: str) -> ProdTask:
        """One task; a stored name may hold slashes."""
        if "/" in name:
            return self._task_by_path_name(name)
        return self._ask_task("GET", self._route(name))

    def tasks(self, **filters: str | None) -> list[ProdTask]:
        """The tasks that pass the filters (status, campaign, name_contains, created_by, …).

        The original heeds no filter, and gives all. What cannot be read is among `unreadable`.
        """
        params = {key: value for key, value in filters.items() if value is not None}
        return self.rows(_TASK, params=params)

    def command(self, name: str, *, panda_tasks_id: int | None = None) -> str:
        """The prun command of the task, or of one of its attempts, as PCS composes it."""
        params = {"name": name, "fmt": "panda"}
        if panda_tasks_id is not None:
            params["panda_tasks_id"] = str(panda_tasks_id)
        return self.exchange("GET", "command/", params=params).text

    def dump(self, name: str) -> dict[str, Any]:
        """All that the task is made of: task, dataset, tags, prod_config, effective_config."""
        params = {"name": name, "fmt": "dump"}
        body = self.json("GET", "command/", params=params)
        if not isinstance(body, dict):
            raise PcsUnavailable("PCS gave no dump of the task")
        return body

    def submit(self, name: str, *, user: str = "") -> ProdTask:
        """Ask for the task's submission; the answer holds the request."""
        return self._act(name, "submit", user)

    def rerun(self, name: str, *, user: str = "") -> ProdTask:
        """Ask for a further attempt of a submitted task."""
        return self._act(name, "rerun-entire-task", user)

    def resolve(self, name: str, *, adopt: int | None, reason: str) -> int:
        """Ask for a submission to be settled: it became that task, or failed; the request's id."""
        body = {"reason": reason, **({"failed": True} if adopt is None else {"adopt": adopt})}
        reachable = str(self.task(name).id) if "/" in name else name
        answer = self.json("POST", f"{self._route(reachable)}resolve/", json=body)
        request_id = answer.get("request_id") if isinstance(answer, dict) else None
        if not isinstance(request_id, int):
            raise PcsUnavailable("PCS did not say which request carries it out")
        return request_id

    def lock(self, name: str, *, user: str = "") -> ProdTask:
        """Make the task ready."""
        return self._act(name, "lock", user)

    def set_status(self, name: str, status: str, *, user: str = "") -> ProdTask:
        """Move the task to another status, where its life allows it."""
        return self._act(name, "set-status", user, {"status": status})

    def record_submission(
        self,
        name: str,
        jedi_task_id: int,
        *,
        panda_tasks_id: int | None = None,
        panda_task_name: str | None = None,
        owner: str = "",
        replaces: int | None = None,
        remark: str | None = None,
    ) -> ProdTask:
        """Record what PanDA made of an attempt, as the task's owner; the same id again is no-op.

        Args:
            name: the task's.
            jedi_task_id: the task at PanDA.
            panda_tasks_id: the attempt; unset: PCS makes one.
            panda_task_name: the attempt's name at PanDA.
            owner: the task's.
            replaces: the recorded id that gives way to this one.
            remark: in what the task differs from what was sent.

        Raises:
            PcsConflict: Another id is recorded, or the id is another task's.
        """
        body = {
            "jedi_task_id": jedi_task_id,
            "panda_tasks_id": panda_tasks_id,
            "panda_task_name": panda_task_name,
            "replaces": replaces,
            "remark": remark or None,
        }
        return self._record("record-submission", name, owner, body)

    def record_submission_failure(
        self,
        name: str,
        *,
        panda_tasks_id: int,
        reason: str,
        owner: str = "",
        is_superseded: bool = False,
        gives_up: int | None = None,
    ) -> ProdTask:
        """Record that an attempt made no task, and why.

        Args:
            name: the task's.
            panda_tasks_id: the attempt.
            reason: why.
            owner: the task's.
            is_superseded: whether another attempt served the same request.
            gives_up: the recorded id, which is not this attempt's task after all.

        Raises:
            PcsConflict: The attempt has an id.
        """
        body: dict[str, Any] = {"panda_tasks_id": panda_tasks_id, "reason": reason}
        if is_superseded:
            body["is_superseded"] = True
        if gives_up is not None:
            body["gives_up"] = gives_up
        return self._record("record-submission-failure", name, owner, body)

    def record_status(
        self,
        name: str,
        jedi_task_id: int,
        panda_status: str,
        *,
        owner: str = "",
        inputs: int | None = None,
        inputs_failed: int | None = None,
    ) -> bool:
        """Record the state of an attempt at PanDA; whether anything was.

        The original does not record it: there, the end of a submitted task moves its status.

        Args:
            name: the task's.
            jedi_task_id: the task at PanDA.
            panda_status: its state there.
            owner: the task's.
            inputs: how many inputs it has, where PanDA says it.
            inputs_failed: how many of them failed for good, where PanDA says it.
        """
        body = {
            "jedi_task_id": jedi_task_id,
            "panda_status": panda_status,
            "inputs": inputs,
            "inputs_failed": inputs_failed,
        }
        try:
            self._record("record-status", name, owner, body)
        except RouteMissing:
            return self._move_by_status(name, jedi_task_id, panda_status, owner)
        return True

    def associate(
        self, panda_task_name: str, jedi_task_id: int, panda_status: str, *, remark: str = ""
    ) -> str | None:
        """Give PCS a task that PanDA knows; the name of the production task that it belongs to.

        Args:
            panda_task_name: its name at PanDA.
            jedi_task_id: its id.
            panda_status: its state.
            remark: what an operator is to know of it.

        Returns:
            None if it is none of PCS's, or the PCS cannot record it.

        Raises:
            PcsConflict: Another id is recorded there.
        """
        body = {
            "panda_task_name": panda_task_name,
            "jedi_task_id": jedi_task_id,
            "panda_status": panda_status,
            **({"remark": remark} if remark else {}),
        }
        try:
            answer = self.json("POST", "associate/", json=body)
        except (TaskUnknown, RouteMissing):
            return None
        name = answer.get("task") if isinstance(answer, dict) else None
        if not isinstance(name, str):
            raise PcsUnavailable("PCS did not say whose the task is")
        return name

    def _task_by_path_name(self, name: str) -> ProdTask:
        found = [task for task in self.tasks(name_contains=name) if task.name == name]
        if not found:
            raise TaskUnknown(httpx.codes.NOT_FOUND, f"No task '{name}'")
        return found[0]

    def _move_by_status(self, name: str, jedi_task_id: int, panda_status: str, owner: str) -> bool:
        ends = {**dict.fromkeys(COMPLETED_BY, "completed"), **dict.fromkeys(FAILED_BY, "failed")}
        status = ends.get(panda_status)
        if status is None:
            return False
        task = self.task(name)
        if task.panda_task_id != jedi_task_id or task.status != "submitted":
            return False
        self.set_status(name, status, user=owner)
        return True

    def _act(
        self, name: str, action: str, user: str, body: dict[str, Any] | None = None
    ) -> ProdTask:
        # No path can hold a name with slashes; the task's number stands for it.
        reachable = str(self.task(name).id) if "/" in name else name
        return self._ask_task("POST", f"{self._route(reachable)}{action}/", user, json=body or {})

    def _record(self, action: str, name: str, owner: str, body: dict[str, Any]) -> ProdTask:
        given = {key: value for key, value in body.items() if value is not None}
        return self._ask_task("POST", f"{action}/", owner, params={"name": name}, json=given)

    def _route(self, name: str) -> str:
        if name in _DOTS or not name:
            raise TaskUnknown(0, f"No task '{name}'")
        return f"{quote(name, safe='')}/"

    def _ask_task(self, method: str, route: str, user: str = "", **parts: Any) -> ProdTask:
        return checked(_TASK, self.json(method, route, user=user, **parts))
