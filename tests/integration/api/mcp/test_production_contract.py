"""Every tool of PCS and production: its name, its parameters, and the keys of its answer.

Source: ops contract section 5.2, and the names of the issue that are newer.
"""

from __future__ import annotations

from typing import Any

import pytest

from flows.common.callers import Scope
from tests.pcs_client import COMPOSED
from tests.produced import DATASET, NAME

pytestmark = pytest.mark.integration

REQUIRED = "required"
TAG = {"tag_label", "status", "description", "created_by", "parameters"}
DATASET_KEYS = {
    "composed_name", "did", "dataset_name", "scope", "detector_version", "detector_config",
    "stage", "is_external", "source_kind", "source_location",
}  # fmt: skip
TASK = {
    "composed_name", "name", "status", "panda_task_id", "panda_tasks", "output_dataset_dids",
    "input_dataset_dids", "intermediate_dataset_dids", "input_source_kind",
    "input_source_location", "input_source_stage",
}  # fmt: skip
DETAIL = TASK | {
    "description", "prod_config", "overrides", "csv_file", "condor_cluster_id", "created_by",
    "created_at", "updated_at",
}  # fmt: skip
PAGING = {"limit": 20, "offset": 0}


def optional(*names: str) -> dict[str, Any]:
    return dict.fromkeys(names)


CATALOG = optional(
    *(f"public_catalog_{each}" for each in (
        "issue", "csv_path", "row_key", "repo", "pr", "row_index", "page_url", "commit_sha",
    )),
)  # fmt: skip
LINK = {"did": "epic:/EVGEN/DIS/NC/10x100"}
INTAKE = {
    "public_catalog_issue": 7,
    "name": "taken",
    "dataset": f"{COMPOSED}.other",
    "prod_config": "bnl",
}
STARTED = {"queued", "request_id", "state", "is_new", "links", "next", "result", "error"}

# name: parameters, arguments for the seeded rows, keys of the answer, key of the list, its keys
TOOLS: dict[str, tuple[dict[str, Any], dict[str, Any], set[str], str, set[str]]] = {
    "pcs_list_tags": (
        {"tag_type": REQUIRED} | optional("category", "status", "creator", "search"),
        {"tag_type": "p", "category": "dis", "search": "P300"},
        {"tag_type", "label", "count", "tags"}, "tags", TAG | {"category"},
    ),
    "pcs_get_tag": (
        {"tag_label": REQUIRED}, {"tag_label": "p3001"},
        TAG | {"tag_number", "created_at", "category", "category_digit"}, "", set(),
    ),
    "pcs_search_tags": (
        {"query": REQUIRED} | optional("tag_type"), {"query": "pythia"},
        {"query", "count", "tags"}, "tags", TAG,
    ),
    "pcs_dataset_list": (
        optional("stage", "source_kind", "source_location", "scope", "name_contains") | PAGING,
        {"scope": "group.EIC"}, {"count", "limit", "offset", "datasets"}, "datasets", DATASET_KEYS,
    ),
    "pcs_dataset_get": (
        optional("name", "did", "dataset_name"), {"name": COMPOSED},
        DATASET_KEYS | {"tags", "blocks", "metadata"}, "", set(),
    ),
    "pcs_dataset_intake": (
        {"source_location": REQUIRED, "source_kind": "csv_manifest", "scope": "group.EIC.evgen",
         "stage": "evgen", "created_by": "mcp"} | dict.fromkeys(
            ("detector_version", "detector_config", "physics_tag", "evgen_tag", "simu_tag",
             "reco_tag", "background_tag", "description"), ""),
        {"source_location": "EVGEN/a.csv"}, {"created", "dataset"}, "", set(),
    ),
    "pcs_prodtask_list": (
        optional("status", "public_catalog_issue", "name_contains") | PAGING, {"status": "ready"},
        {"count", "limit", "offset", "tasks"}, "tasks", TASK,
    ),
    "pcs_prodtask_get": ({"name": REQUIRED}, {"name": COMPOSED}, DETAIL, "", set()),
    "pcs_prodtask_artifact": (
        {"name": REQUIRED, "fmt": "dump"}, {"name": "t1"}, {"name", "fmt", "dump"}, "", set(),
    ),
    "pcs_prodtask_intake": (
        CATALOG | optional("name", "dataset", "prod_config", "description", "input_dataset_did")
        | {"created_by": "mcp"},
        INTAKE, {"created", "task"}, "task", DETAIL,
    ),
    "pcs_prodtask_link_input": (
        {"task_name": REQUIRED} | optional("did", "dids"), {"task_name": "taken"} | LINK,
        {"task"}, "task", DETAIL,
    ),
    "pcs_prodtask_set_status": (
        {"task_name": REQUIRED, "status": REQUIRED}, {"task_name": "taken", "status": "draft"},
        {"task"}, "task", DETAIL,
    ),
    "epicprod_register_ai_assessment": (
        {"subject_type": REQUIRED, "subject_key": REQUIRED, "assessment": REQUIRED,
         "username": "mcp", "ai": "unknown", "subject_label": "", "subject_url": ""}
        | optional("data"),
        {"subject_type": "ctask", "subject_key": "t1", "assessment": "it is well"},
        {"success", "id", "subject_type", "subject_key", "subject_label", "subject_url",
         "username", "ai", "created_at", "linked", "json_field"}, "", set(),
    ),
    # Newer than the contract.
    "pcs_prodtask_submit": (
        {"name": REQUIRED, "wait_seconds": 0}, {"name": "t1"},
        STARTED | {"task_name", "panda_task_name", "jedi_task_id", "warnings", "task_url"},
        "", set(),
    ),
    "fetch_payload_log": (
        {"pandaid": REQUIRED, "force": False, "wait_seconds": 0}, {"pandaid": 8},
        {"pandaid", "queued", "phase", "request_id", "state", "members", "page_url", "next"},
        "", set(),
    ),
    "start_provenance_sweep": (
        {"campaign": "", "wait_seconds": 0}, {"campaign": NAME},
        STARTED | {"campaign", "catalog_url"}, "", set(),
    ),
    "get_request": (
        {"request_id": REQUIRED, "wait_seconds": 0}, {"request_id": 1},
        {"id", "action", "state", "result", "error", "waits_for", "links", "next"}, "", set(),
    ),
    "list_requests": (
        optional("action", "state", "subject", "requested_by") | {"open": False}, {},
        {"items", "total_count", "has_more", "monitor_urls"}, "items", {"id", "action", "state"},
    ),
    "epicprod_list_actions": (
        optional(
            "action", "instance", "subject_key", "username", "outcome", "start_time", "end_time",
        )
        | {"summarize": False, "limit": 50, "offset": 0},
        {"outcome": "open", "start_time": "2026-01-01T00:00:00"},
        {"items", "total_count", "has_more", "times", "success", "window_start", "window_end"},
        "items",
        {"request_id", "action", "outcome", "username", "duration_ms", "url"},
    ),
    "data_provenance": (
        {"did_or_path": REQUIRED}, {"did_or_path": f"epic:{DATASET}"},
        {"query", "kind", "knowledge", "did", "url", "next"}, "did", {"dataset", "files", "inputs"},
    ),
    "campaign_status": (
        {"campaign": "", "window_days": 1}, {"campaign": NAME},
        {"campaign", "state", "checked_at", "counts", "tasks", "missing", "window", "url"},
        "counts", {"requested", "found", "missing", "unknown"},
    ),
    "explain_failure": (
        optional("request_id", "task", "pandaid"), {"task": "t1"},
        {"about", "verdict", "step", "reason", "what_to_do", "last_errors", "links"},
        "about", {"type", "name", "status"},
    ),
    "cancel_request": (
        {"request_id": REQUIRED, "reason": "", "confirm": False, "wait_seconds": 0},
        {"request_id": 1, "confirm": True}, {"id", "state", "links"}, "", set(),
    ),
}  # fmt: skip
ALIASES = {
    "pcs_data_provenance": "data_provenance",
    "epicprod_campaign_status": "campaign_status",
    "epic_register_ai_assessment": "epicprod_register_ai_assessment",
}
READS = {
    "pcs_list_tags", "pcs_get_tag", "pcs_search_tags", "pcs_dataset_list", "pcs_dataset_get",
    "pcs_prodtask_list", "pcs_prodtask_get", "pcs_prodtask_artifact", "get_request",
    "list_requests", "epicprod_list_actions", "data_provenance", "campaign_status",
    "explain_failure",
}  # fmt: skip


@pytest.fixture
def token_scopes() -> frozenset[Scope]:
    return frozenset({Scope.READ, Scope.REQUEST})


def parameters_of(tool: Any) -> dict[str, Any]:
    required = set(tool.input_schema.get("required", ()))
    return {
        name: REQUIRED if name in required else about.get("default")
        for name, about in tool.input_schema["properties"].items()
    }


def test_every_tool_has_its_name_and_parameters(assistant):
    tools = assistant.tools()
    for name, (parameters, *_) in TOOLS.items():
        found = parameters_of(tools[name])
        assert {each: found[each] for each in parameters} == parameters, name
        assert found.keys() - parameters.keys() <= {"limit", "offset"}, name
        assert tools[name].annotations.read_only_hint == (name in READS), name
    for alias, name in ALIASES.items():
        assert tools[alias].description == f"Same as {name}."
        assert tools[alias].input_schema == tools[name].input_schema


def test_every_tool_answers_its_keys(assistant, production):
    for name, (_, arguments, keys, inner, inner_keys) in TOOLS.items():
        answer = assistant.ask(name, **arguments)
        assert keys <= answer.keys(), (name, keys - answer.keys())
        if inner:
            found = answer[inner][0] if isinstance(answer[inner], list) else answer[inner]
            assert inner_keys <= found.keys(), (name, inner_keys - found.keys())


def test_every_new_tool_that_destroys_wants_to_be_confirmed(assistant):
    tools = assistant.tools()
    destroying = {
        name for name, tool in tools.items()
        if tool.annotations.destructive_hint and name.startswith(("pcs_", "cancel", "start_prov"))
    }  # fmt: skip
    new = {"cancel_request", "pcs_prodtask_rerun", "pcs_prodtask_retry_failures"}
    assert destroying == new | {"pcs_prodtask_set_status"}
    for name in new:
        assert "confirm" in tools[name].input_schema["properties"]
