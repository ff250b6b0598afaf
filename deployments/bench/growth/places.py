"""What is measured: every page, the lists of REST and of assistants, and what comes in."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from time import time
from typing import Any, Final

from deployments.bench.growth import rows
from deployments.bench.growth.amounts import Amounts

SEARCH: Final = "/logs/?text=STF%204711%20"
"""The call that looks for a text in log records."""
RUNS: Final = "list_runs()"
"""The call that counts the STF files of each run, exactly."""
NO_LOG: Final = "/panda/jobs/1/log/"
"""The page of a job that nobody knows; the other tables are looked through for it."""
USER: Final = "user1"
"""One of those who asked for the requests that there are."""
_LIMIT: Final = "limit=100"
_LONG_AGO: Final = "2020-01-01T00:00:00Z"
_TOOLS: Final[Sequence[tuple[str, dict[str, Any]]]] = (
    ("get_system_state", {}),
    ("list_agents", {}),
    ("list_logs", {}),
    ("list_logs", {"level": "ERROR", "start_time": _LONG_AGO}),
    ("list_messages", {}),
    ("list_messages", {"namespace": rows.NAMESPACE, "start_time": _LONG_AGO}),
    ("list_namespaces", {}),
    ("list_notifications", {}),
    ("list_requests", {}),
    ("list_requests", {"state": "failed"}),
    ("list_runs", {}),
    ("list_stf_files", {}),
    ("list_tf_files", {}),
    ("list_tf_slices", {}),
    ("list_workflow_executions", {}),
    ("list_workflow_monitors", {}),
    ("pcs_prodtask_list", {}),
)


@dataclass(frozen=True)
class Call:
    """One call: by its name in the table, with the statuses that are right.

    A user makes it where it says so, who may not operate, and else somebody who may do all. An
    assistant makes it where it is of a tool, with these arguments.
    """

    name: str
    path: str
    body: dict[str, Any] | None = None
    is_by_user: bool = False
    statuses: frozenset[int] = frozenset({200})
    tool: str | None = None
    arguments: Mapping[str, Any] = field(default_factory=dict)

    @property
    def is_intake(self) -> bool:
        """Whether it brings something in."""
        return self.body is not None


@dataclass
class Places:
    """The calls of one round; those that bring something in are others each time.

    Attributes:
        amounts: The rows whose pages are opened.
        is_empty: Whether the database has none of them.
    """

    amounts: Amounts
    is_empty: bool = False
    # By the clock: a database that was kept has what came in earlier.
    _numbers: itertools.count[int] = field(default_factory=lambda: itertools.count(int(time())))

    def calls(self) -> list[Call]:
        """Every call, once."""
        last = self.amounts.stfs - 1
        run, stf = rows.run_of(self.amounts, last), rows.stf_name(self.amounts, last)
        old_run = rows.run_of(self.amounts, max(0, last - self.amounts.run_stfs))
        request = self.amounts.requests
        log = self.amounts.logs
        pages = [
            "/", "/fastmon/", f"/fastmon/?run={run}", f"/fastmon/?run={old_run}",
            f"/fastmon/?namespace={rows.NAMESPACE}", "/fastmon/snapshot.json",
            "/requests/", "/requests/?action=submit_task", "/requests/?state=failed",
            "/requests/?state=cancelled", "/requests/?state=completed",
            "/requests/?action=submit_task&state=failed", f"/requests/?requested_by={USER}",
            "/requests/?requested_by=nobody", f"/requests/?before={request // 2}",
            f"/requests/{request}/",
            "/logs/", "/logs/?level=ERROR", "/logs/?level=CRITICAL", "/logs/?part=worker",
            "/logs/?part=worker&level=ERROR", "/logs/?part=nobody", f"/logs/?request={log // 20}",
            SEARCH, "/system/", "/workflows/", "/workflows/?status=failed",
            "/workflows/stf_datataking-bench-000001/", "/pcs/tasks/", "/pcs/catalog/",
            "/pcs/reports/", "/notifications/", "/notifications/?outcome=failed",
            "/notifications/?outcome=completed", "/notifications/?state=failed",
            f"/notifications/?recipient={USER}", "/notifications/rules/",
            "/me/", "/access/", "/metrics/",
        ]  # fmt: skip
        lists = [
            "/api/requests/", "/api/requests/?state=failed&", "/api/requests/?subject=subject-1&",
            f"/api/requests/?requested_by={USER}&", "/api/logs/", "/api/logs/?level=40&",
            "/api/logs/?levelname=CRITICAL&", "/api/logs/?app_name=worker&",
            "/api/logs/?instance_name=worker-0&", "/api/logs/summary/", "/api/runs/",
            "/api/stf-files/", f"/api/stf-files/?run_number={run}&",
            f"/api/stf-files/?stf_filename={stf}&", "/api/stf-files/?status=registered&",
            "/api/fastmon-files/", f"/api/fastmon-files/?run_number={run}&",
            f"/api/fastmon-files/?run_number={old_run}&",
            f"/api/fastmon-files/?stf_filename={stf}&", "/api/fastmon-files/?status=failed&",
            "/api/tf-slices/", "/api/run-states/", "/api/workflow-executions/",
            "/api/workflow-runs/", "/api/workflow-messages/", "/api/workflows/",
            "/api/systemagents/", "/api/notifications/", "/api/system/", "/api/system/set-aside/",
            "/api/health/", "/api/health/operations/", "/api/messages/stream/status/",
        ]  # fmt: skip
        of_user = ["/notifications/", "/requests/", "/me/"]
        # A page of one record is answered with 404 where there is none.
        statuses = frozenset({200, 404} if self.is_empty else {200})
        found = [Call(path, path, statuses=statuses) for path in pages]
        found.append(Call(NO_LOG, NO_LOG, statuses=frozenset({200, 404})))
        found += [Call(f"{path} of {USER}", path, is_by_user=True) for path in of_user]
        for path in lists:
            with_limit = f"{path}{_LIMIT}" if path.endswith("&") else f"{path}?{_LIMIT}"
            found.append(Call(f"GET {path.rstrip('&')}", with_limit))
        return [*found, *_of_tools(old_run), *self.intake()]

    def intake(self) -> list[Call]:
        """What brings something in: others each time."""
        number = next(self._numbers)
        run = rows.FIRST_RUN + 900_000
        message = {
            "msg_type": "stf_ready",
            "namespace": rows.NAMESPACE,
            "run_id": str(run),
            "filename": f"swf.{run}.{number:06d}.stf",
            "sequence": number,
            "size_bytes": 2_147_483_648,
            "tf_count": 1000,
        }
        log = {
            "app_name": "worker", "instance_name": "worker-0", "level": 20, "levelname": "INFO",
            "timestamp": "2026-01-01T00:00:00Z", "message": "m", "module": "m", "funcname": "f",
            "lineno": 1, "process": 1, "thread": 1,
        }  # fmt: skip
        made = frozenset({200, 201, 202})
        return [
            Call("POST stf_ready", "/api/messages/", message, statuses=made),
            Call("POST trigger", "/api/actions/check_pipeline/", {}, statuses=made),
            Call("POST log", "/api/logs/", log, statuses=made),
        ]


def _of_tools(old_run: int) -> list[Call]:
    of_run = [(tool, {"run_number": old_run}) for tool in ("list_stf_files", "list_tf_files")]
    found = []
    for tool, arguments in (*_TOOLS, *of_run):
        told = ", ".join(f"{name}={value}" for name, value in arguments.items())
        found.append(Call(f"{tool}({told})", "/mcp/", tool=tool, arguments=arguments))
    return found
