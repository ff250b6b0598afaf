"""Asks the sandbox's PanDA as a client does."""

from __future__ import annotations

import json
from typing import Any

import httpx

from deployments.sandbox.panda import PandaSandbox

NEVER_REFINED = 3600.0
NAME = "group.EIC.task/"


def headers(panda: PandaSandbox, *, origin: str = "EIC.production", **token: Any) -> dict[str, str]:
    return {"Authorization": f"Bearer {panda.token(**token)}", "Origin": origin}


def ask(panda: PandaSandbox, path: str, **query: Any) -> Any:
    answer = httpx.get(f"{panda.url}/api/v1/{path}", params=query, headers=headers(panda))
    assert answer.status_code == 200
    return answer.json()


def send(panda: PandaSandbox, path: str, body: dict[str, Any], **token: Any) -> Any:
    answer = httpx.post(f"{panda.url}/api/v1/{path}", json=body, headers=headers(panda, **token))
    assert answer.status_code == 200
    return answer.json()


def task_parameters(name: str = NAME, **more: Any) -> dict[str, Any]:
    return {
        "taskName": name, "vo": "wlcg", "prodSourceLabel": "test", "taskType": "anal",
        "uniqueTaskName": True, "official": True, **more,
    }  # fmt: skip


def submit(panda: PandaSandbox, name: str = NAME, **more: Any) -> Any:
    parameters = task_parameters(name, **more)
    return send(panda, "task/submit", {"task_parameters": parameters, "parent_tid": None})


def named(panda: PandaSandbox, name: str = NAME, **filters: str) -> list[dict[str, Any]]:
    wanted = json.dumps({"taskName": name, **filters})
    found: list[dict[str, Any]] = ask(panda, "task/get_tasks_detailed_info_since", filters=wanted)[
        "data"
    ]
    return found
