"""What is measured: every page, the lists of REST, and what comes in."""

from __future__ import annotations

import itertools
from dataclasses import dataclass, field
from typing import Any, Final

from deployments.bench.growth import rows
from deployments.bench.growth.amounts import Amounts

SEARCH: Final = "/logs/?text=STF%204711%20"
"""The call that looks for a text in log records."""
_LIMIT: Final = "limit=100"


@dataclass(frozen=True)
class Call:
    """One call: by its name in the table, with the statuses that are right."""

    name: str
    path: str
    body: dict[str, Any] | None = None
    statuses: frozenset[int] = frozenset({200})

    @property
    def is_intake(self) -> bool:
        """Whether it brings something in."""
        return self.body is not None


@dataclass
class Places:
    """The calls of one round; those that bring something in are others each time."""

    amounts: Amounts
    _numbers: itertools.count[int] = field(default_factory=lambda: itertools.count(1))

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
            "/requests/?subject=subject-1", f"/requests/{request}/",
            "/logs/", "/logs/?level=ERROR", "/logs/?part=worker", f"/logs/?request={log // 20}",
            SEARCH, "/system/", "/workflows/",
            "/workflows/stf_datataking-bench-000001/", "/pcs/tasks/", "/pcs/catalog/",
            "/pcs/reports/", "/pcs/dids/", "/notifications/", "/notifications/?outcome=failed",
            "/panda/jobs/1/log/", "/me/", "/access/",
        ]  # fmt: skip
        lists = [
            "/api/requests/", "/api/requests/?state=failed&", "/api/logs/",
            "/api/logs/?instance_name=worker-0&", "/api/logs/summary/", "/api/runs/",
            "/api/stf-files/", f"/api/stf-files/?run_number={run}&",
            f"/api/stf-files/?stf_filename={stf}&", "/api/stf-files/?status=registered&",
            "/api/fastmon-files/", f"/api/fastmon-files/?run_number={run}&",
            f"/api/fastmon-files/?stf_filename={stf}&", "/api/fastmon-files/?status=failed&",
            "/api/tf-slices/", "/api/run-states/", "/api/workflow-executions/",
            "/api/workflow-runs/", "/api/workflow-messages/", "/api/workflows/",
            "/api/systemagents/", "/api/notifications/", "/api/system/", "/api/system/set-aside/",
            "/api/health/", "/api/health/operations/", "/api/messages/stream/status/",
        ]  # fmt: skip
        found = [Call(path, path, statuses=frozenset({200, 404})) for path in pages]
        for path in lists:
            with_limit = f"{path}{_LIMIT}" if path.endswith("&") else f"{path}?{_LIMIT}"
            found.append(Call(f"GET {path.rstrip('&')}", with_limit))
        return [*found, *self._intake()]

    def _intake(self) -> list[Call]:
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
            Call("POST stf_ready", "/api/messages/", message, made),
            Call("POST trigger", "/api/actions/check_pipeline/", {}, made),
            Call("POST log", "/api/logs/", log, made),
        ]
