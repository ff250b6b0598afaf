"""Whatever a caller sends to any documented route, no answer is a 5xx that is not documented.

Schemathesis makes the requests from the OpenAPI description: good ones, bad ones, and the seams
between, the same ones every time.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.cookiejar import DefaultCookiePolicy
from typing import Any
from urllib.parse import quote

import pytest
import requests
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from schemathesis import GenerationMode
from schemathesis.schemas import APIOperation

pytestmark = [
    pytest.mark.integration,
]

STREAM = "/api/messages/stream/"
OF_PCS = "/pcs/api/"  # api/pcs/test_openapi.py sends to those, where there are rows
EXAMPLES = [3, pytest.param(16, marks=pytest.mark.slow)]
STEPS = [11, pytest.param(1, marks=pytest.mark.slow)]
"""Of the awkward requests to an operation, each eleventh; see `some`."""


@pytest.fixture
def keys(api) -> dict[str, str]:
    """A row's key for each path that takes one, so that requests find something there."""

    def added(path: str, key: str, **body: object) -> str:
        return str(api.post(f"/api/{path}/", json=body).json()[key])

    run = added("runs", "run_id", run_number=1, start_time="2026-08-01T12:00:00Z")
    stf = added("stf-files", "file_id", run=run, stf_filename="a.stf", metadata={"a": 1})
    tf = added("fastmon-files", "tf_file_id", stf_file="a.stf", tf_filename="a.tf")
    found = {"runs": run, "stf-files": stf, "fastmon-files": tf} | agents_keys(added)
    return {f"/api/{path}/{{key}}/": key for path, key in found.items()}


def agents_keys(added: Callable[..., str]) -> dict[str, str]:
    """A row's key of each collection of the agents."""
    time = "2026-08-01T12:00:00Z"
    definition = added(
        "workflow-definitions", "id", workflow_name="w", version="1", workflow_type="t",
        definition="d", created_by="me",
    )  # fmt: skip
    workflow = added(
        "workflows", "workflow_id", filename="a.stf", daq_state="run", daq_substate="physics",
        generated_time=time, stf_start_time=time, stf_end_time=time,
    )  # fmt: skip
    return {
        "systemagents": added("systemagents", "id", instance_name="a"),
        "subscribers": added("subscribers", "subscriber_id", subscriber_name="a"),
        "logs": added(
            "logs", "id", app_name="a", instance_name="a", timestamp=time, levelname="INFO",
            message="m", module="m", funcname="f", lineno=1, process=1, thread=1,
        ),
        "workflow-definitions": definition,
        "workflow-executions": added(
            "workflow-executions", "execution_id", execution_id="e-1",
            workflow_definition=definition, start_time=time, executed_by="me",
        ),
        "workflows": workflow,
        "workflow-stages": added(
            "workflow-stages", "stage_id", workflow=workflow, agent_name="a", agent_type="data",
        ),
        "workflow-messages": added(
            "workflow-messages", "message_id", message_type="note", message_content={},
        ),
        "tf-slices": added(
            "tf-slices", "id", fastmon_file="a.tf", slice_id=1, tf_first=0, tf_last=0, tf_count=1,
            run_number=1,
        ),
        "run-states": added("run-states", "run_number", run_number=1, phase="p", state="s"),
        "system-state-events": added(
            "system-state-events", "event_id", timestamp=time, run_number=1, event_type="e",
            state="s",
        ),
        "workers": added("workers", "worker_id", worker_id="w", run_number=1, status="s"),
    }  # fmt: skip


def operations(description: dict) -> Iterator[APIOperation]:
    # Asked one by one: schemathesis' own pytest fixture does not work with pytest 9.2.
    for found in schemathesis.openapi.from_dict(description).get_all_operations():
        yield found.ok()


def without_pcs(description: dict) -> Iterator[APIOperation]:
    return (each for each in operations(description) if not each.path.startswith(OF_PCS))


@contextmanager
def connection() -> Iterator[requests.Session]:
    """A session that keeps its connection and no cookie; schemathesis' own connects each time."""
    with requests.Session() as session:
        session.cookies.set_policy(DefaultCookiePolicy(allowed_domains=[]))
        yield session


@pytest.mark.slow
@pytest.mark.parametrize("examples", EXAMPLES)
def test_no_answer_is_a_server_error(api, served_api, keys, subtests, examples):
    with connection() as session:
        for operation in without_pcs(api.get("/openapi.json").json()):
            # The stream does not end for those who may listen.
            who = {} if operation.path == STREAM else served_api.authorization
            with subtests.test(operation.label):
                attack(operation, Target(served_api.url, session, who, keys), examples)


# What PostgreSQL cannot keep, Python cannot encode or JSON cannot say, and numbers too large.
TEXTS = ("\0", "²", "-1", str(2**63), "9" * 5000, "x" * 5000)
VALUES = (rb'"\u0000"', rb'"\ud800"', rb'{"\ud800": 1}', b"1e999", b"NaN", b"9" * 5000, b"null",
          b"-1", b"[" * 500 + b"]" * 500)  # fmt: skip


def seams(operation: APIOperation, keys: dict[str, str]) -> Iterator[dict[str, Any]]:
    """Requests with one awkward value each: in the path, in a query parameter, in a field."""
    described = operation.definition.raw
    key = keys.get(operation.path, "1")
    path = re.sub(r"{.*?}", key, operation.path)
    request = {"method": operation.method, "url": path}
    if path != operation.path:
        for text in TEXTS:
            yield request | {"url": re.sub(r"{.*?}", quote(text), operation.path)}
    for parameter in described.get("parameters", []):
        if parameter["in"] == "query":
            yield from (request | {"params": {parameter["name"]: text}} for text in TEXTS)
    headers = {"Content-Type": "application/json"}
    for field, value in itertools.product(fields_of(described), VALUES):
        body = b'{"%s": %s, "msg_type": "x"}' % (field.encode(), value)
        yield request | {"content": body, "headers": headers}


def some(requests: Iterator[Any], number: int, step: int) -> Iterator[Any]:
    """Each `step`-th, for each operation from another on: together they have every value."""
    return itertools.islice(requests, number % step, None, step)


def fields_of(described: dict[str, Any]) -> list[str]:
    content = described.get("requestBody", {}).get("content", {})
    schema = content.get("application/json", {}).get("schema", {})
    return [*schema.get("properties", {}), "reason", "namespace", "else"] if content else []


@pytest.mark.parametrize("step", STEPS)
def test_no_awkward_value_is_a_server_error(served_api, keys, subtests, step):
    with served_api.client() as client:
        description = client.get("/openapi.json").json()
    for number, operation in enumerate(without_pcs(description)):
        token = None if operation.path == STREAM else "own"
        with subtests.test(operation.label), served_api.client(token=token) as client:
            for request in some(seams(operation, keys), number, step):
                answer = client.request(**request)
                assert answer.status_code < 500, f"{answer.text} for {request}"


@dataclass(frozen=True)
class Target:
    """Where requests go, who sends them, and a row's key for each path that takes one."""

    url: str
    session: requests.Session
    headers: dict[str, str]
    keys: dict[str, str]


def attack(operation: APIOperation, target: Target, examples: int) -> None:
    """Send good and bad requests to the operation, where it has rows to one of them too."""
    key = target.keys.get(operation.path)
    documented = operation.definition.raw["responses"]
    cases = [operation.as_strategy(generation_mode=mode) for mode in GenerationMode]

    @settings(
        max_examples=examples,
        derandomize=True,
        deadline=None,
        database=None,
        phases=[Phase.generate],  # a failure is told as it came: making it smaller takes minutes
        suppress_health_check=list(HealthCheck),
    )
    @given(case=st.one_of(cases), is_there=st.booleans())
    def send(case: schemathesis.Case, is_there: bool) -> None:  # noqa: FBT001
        if is_there and key:
            case.path_parameters = {"key": key}
        answer = case.call(base_url=target.url, session=target.session, headers=target.headers)
        is_known = answer.status_code < 500 or str(answer.status_code) in documented
        assert is_known, f"{answer.text} for {case.as_curl_command()}"

    send()
