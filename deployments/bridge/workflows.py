"""What comes by the queue of the workflow runner, where prodops is the runner.

Source: fastmon contract sections 1.8 and 7.3.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any, Final

from sqlalchemy.orm import Session

from blocks.errors import Forbidden, Invalid, ProdOpsError, Refused
from deployments.bridge.commands import speaker
from deployments.bridge.messages import WorkflowStatus
from deployments.bridge.reading import Read, Unusable
from flows.common import requests
from flows.common.actions import Action
from flows.common.callers import BUS, Scope, on_bus
from flows.common.events import NewEvent, announcement
from flows.workflows import configurations, repository
from flows.workflows.actions import RUN_WORKFLOW, STOP_WORKFLOW
from flows.workflows.domain.parameters import READABLE

_NAMES: Final = {"workflow_name": "workflow", "duration": "duration_seconds"}
_PARAMS: Final = "params"


def carry_out(session: Session, read: Read, scopes: Collection[Scope]) -> Sequence[NewEvent]:
    """Do what the message asks of the runner; gives the events that answer it now.

    Raises:
        Unusable: It is no request of a runner, a key is missing or wrong, or it is refused: the
            runner's peers wait for no answer.
    """
    body, kind = read.body, read.message.msg_type
    if kind == "status_request":
        return (_status(session, body.get("namespace")),)
    if kind == "run_workflow":
        return _accept(session, RUN_WORKFLOW, _run_form(body), body, scopes)
    if kind == "stop_workflow":
        wanted = {"execution_id": body.get("execution_id")}
        if wanted["execution_id"] is None:
            wanted = {"namespace": body.get("namespace")}
        return _accept(session, STOP_WORKFLOW, wanted, body, scopes)
    raise Unusable(f"a workflow runner knows no {kind!r}")


def _accept(
    session: Session,
    action: Action,
    wanted: Mapping[str, Any],
    body: Mapping[str, Any],
    scopes: Collection[Scope],
) -> Sequence[NewEvent]:
    try:
        form = action.parse({key: value for key, value in wanted.items() if value is not None})
        caller = on_bus(speaker(body), scopes)
        requests.accept(session, action, form, caller=caller, source=BUS)
    except (Invalid, Refused, Forbidden) as error:
        raise Unusable(str(error)) from None
    return ()


def _run_form(body: Mapping[str, Any]) -> dict[str, Any]:
    """The form of a request; what `params` overrides is named with the section that it is of."""
    wanted = {_NAMES.get(key, key): value for key, value in body.items()}
    form = {key: wanted[key] for key in RUN_WORKFLOW.parameters.model_fields if key in wanted}
    params = body.get(_PARAMS) or {}
    if not isinstance(params, dict):
        raise Unusable("params must be an object")
    own = RUN_WORKFLOW.parameters.model_fields
    form |= {key: value for key, value in params.items() if key in own and key not in form}
    others = {key: value for key, value in params.items() if key not in own}
    form["overrides"] = list(_overrides(others, str(form.get("config") or "")))
    return form


def _overrides(params: Mapping[str, Any], config: str) -> Iterator[dict[str, Any]]:
    """Each parameter with a section that has it; one that nothing reads is refused by the form."""
    try:
        configured = configurations.load(config).sections if config else {}
    except ProdOpsError as error:
        raise Unusable(str(error)) from None
    for key, value in params.items():
        having = [name for name, values in configured.items() if key in values]
        reading = [name for name, keys in READABLE.items() if key in keys]
        section = next(iter([*having, *reading, *configured]), "")
        yield {"section": section, "key": key, "value": value, "source": "params"}


def _status(session: Session, namespace: object) -> NewEvent:
    running = repository.running(session, None if namespace is None else str(namespace))
    executions = [
        {"execution_id": each.execution_id, "run_id": str(each.run_number), "stfs": each.stfs}
        for each in running
    ]
    return announcement(
        WorkflowStatus, None, None, is_running=bool(executions), executions=executions
    )
