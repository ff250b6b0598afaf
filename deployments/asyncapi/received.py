"""The messages that prodops takes from the bus, by channel."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

from pydantic import BaseModel, Field

from deployments.asyncapi.schemas import Schema, example_of, in_one_line, schema_of, with_keys
from deployments.bridge.messages import (
    HealthPing,
    Pong,
    RunWorkflowMessage,
    Shutdown,
    StatusRequest,
    StopWorkflowMessage,
)
from deployments.bridge.unbuilt import UNBUILT, Answer
from flows.common import actions
from flows.common.actions import Action
from flows.common.messages import msg_type_of
from flows.fastmon import schemas as topic

ANYTHING: Final = "anything"
"""The name of a message of the topic that has none of its own."""


class Addressed(BaseModel):
    """What a message of a queue may say besides."""

    namespace: str | None = Field(
        None,
        description="Ours (`PRODOPS_BUS_NAMESPACE`), or none. What is addressed to another is set "
        "aside.",
        examples=["prodops"],
    )


class Asked(Addressed):
    """What a request on a queue may say besides."""

    created_by: str | None = Field(
        None, description="In whose name it is asked for.", examples=["olga"]
    )
    owner: str | None = Field(None, description="The same, where that is not said.")
    requested_by: str | None = Field(None, description="The same, where neither is said.")


@dataclass(frozen=True, kw_only=True)
class Received:
    """A message that prodops takes.

    Attributes:
        name: Its `msg_type`, or `anything`.
        summary: What it does.
        schema: Its body's.
        example: One that was made up.
        answer: How it is answered where it is not carried out.
    """

    name: str
    summary: str
    schema: Schema
    example: dict[str, Any]
    answer: Answer | None = None


# Forms whose keys have no examples of their own.
_VALUES: Final[dict[str, dict[str, Any]]] = {
    "campaign_provenance_sweep": {"campaign": "26.05.0"},
    "fetch_payload_log": {"pandaid": "1042", "jeditaskid": "730"},
    "panda_task_operation": {
        "task_name": "epic.26.05.0.DIS.NC.10x100.p1",
        "jedi_task_id": "730",
        "operation": "pause",
    },
    "read_did": {"scope": "epic", "name": "/EVGEN/DIS/NC/10x100/minQ2=1"},
    "resolve_submission": {
        "task_name": "epic.26.05.0.DIS.NC.10x100.p1",
        "adopt": 730,
        "reason": "seen at PanDA",
    },
    "settle_message": {"message": 3, "decision": "retry"},
    "submit_task": {"task_name": "epic.26.05.0.DIS.NC.10x100.p1"},
}


def of_ops_queue() -> list[Received]:
    """What the queue of the ops agent takes: requests for actions, control, what is not built."""
    return [*_requests(), *_control(), *_unbuilt()]


def of_workflow_queue() -> list[Received]:
    """What the workflow runner's queue takes, where prodops is the runner."""
    forms = (RunWorkflowMessage, StopWorkflowMessage, StatusRequest)
    return [
        _received(msg_type_of(form), in_one_line(form.__doc__), schema_of(form)) for form in forms
    ]


def of_topic() -> list[Received]:
    """What the topic takes: everything is relayed, and an STF that is announced is sampled."""
    named: dict[str, type[topic.Message]] = {
        **dict.fromkeys(sorted(topic.STF_READY, reverse=True), topic.StfReady),
        **topic.RUN_MESSAGES,
    }
    return [*(_of_topic(name, form) for name, form in named.items()), _anything()]


def pong() -> Received:
    """The answer to `health_ping`."""
    schema = schema_of(Pong)
    return _received(msg_type_of(Pong), in_one_line(Pong.__doc__), schema)


def _requests() -> Iterator[Received]:
    for name, action in actions.all_actions().items():
        schema = _request_of(action)
        example = example_of(schema) | _VALUES.get(name, {})
        yield Received(name=name, summary=action.summary, schema=schema, example=example)


def _request_of(action: Action) -> Schema:
    form = schema_of(action.parameters)
    form.pop("additionalProperties", None)  # what the form does not name is left out
    keys = {name: _or_text(each) for name, each in form.get("properties", {}).items()}
    properties = {"msg_type": _const(action.name), **keys}
    described = {"description": action.summary, "properties": properties}
    return with_keys({**form, **described}, Asked)


def _or_text(key: Schema) -> Schema:
    """The schema of a key whose number may come as text, as peers send ids."""
    if "anyOf" in key:
        return {**key, "anyOf": [_or_text(each) for each in key["anyOf"]]}
    if key.get("type") != "integer":
        return key
    return {**key, "type": ["integer", "string"], "pattern": "^[0-9]+$"}


def _control() -> Iterator[Received]:
    for form in (HealthPing, Shutdown):
        schema = with_keys(schema_of(form), Addressed)
        yield _received(msg_type_of(form), in_one_line(form.__doc__), schema)


def _unbuilt() -> Iterator[Received]:
    for name, answer in UNBUILT.items():
        summary = f"Not carried out: {answer.reason}."
        keys = {"msg_type": _const(name), **{key: _echoed(answer, key) for key in answer.echoed}}
        schema = with_keys({"description": summary, "properties": keys}, Asked)
        example = example_of(schema)
        yield Received(name=name, summary=summary, schema=schema, example=example, answer=answer)


def _echoed(answer: Answer, key: str) -> Schema:
    examples = answer.event.model_fields[key].examples
    return {"description": "Repeated in the answer.", "examples": examples}


def _of_topic(name: str, form: type[topic.Message]) -> Received:
    return _received(name, in_one_line(form.__doc__), schema_of(form, msg_type=name))


def _anything() -> Received:
    summary = "Any other message: relayed, whatever else it says."
    schema = {**schema_of(topic.Message), "description": summary}
    return _received(ANYTHING, summary, schema)


def _received(name: str, summary: str, schema: Schema) -> Received:
    return Received(name=name, summary=summary, schema=schema, example=example_of(schema))


def _const(name: str) -> Schema:
    return {"type": "string", "const": name}
