"""The SQL of workflows. Nothing here commits.

Definitions, executions, runs and run states are tables of other capabilities: they meet here in
the database alone.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from sqlalchemy import func, select, text, update
from sqlalchemy.orm import Session

from flows.common.models import OPEN, Request, RequestState
from flows.workflows.models import ExecutionStatus, WorkflowRun

CHANNEL: Final = "prodops_workflow"
"""Notified when somebody wants an execution to stop."""
ACTION: Final = "run_workflow"

_DEFINE: Final = text("""
    INSERT INTO swf_workflow_definitions (workflow_name, version, workflow_type, definition,
        parameter_values, created_by, created_at, updated_at)
    VALUES (:workflow, :version, 'simulation', :definition, cast(:parameters AS jsonb), :owner,
        :at, :at)
    ON CONFLICT (workflow_name, version) DO NOTHING
""")
_DEFINITION: Final = text("""
    SELECT id FROM swf_workflow_definitions WHERE workflow_name = :workflow AND version = :version
""")
_BEGIN: Final = text("""
    INSERT INTO swf_workflow_executions (execution_id, workflow_definition_id, namespace,
        parameter_values, status, start_time, executed_by)
    VALUES (:execution_id, :definition_id, :namespace, cast(:parameters AS jsonb), 'running', :at,
        :owner)
""")
_PARAMETERS: Final = text("""
    SELECT parameter_values FROM swf_workflow_executions WHERE execution_id = :execution_id
""")
_END: Final = text("""
    UPDATE swf_workflow_executions
    SET status = :status, end_time = :at, performance_metrics = cast(:metrics AS jsonb)
    WHERE execution_id = :execution_id AND end_time IS NULL
""")
_OPEN_RUN_STATE: Final = text("""
    INSERT INTO swf_run_state (run_number, phase, state, substate, target_worker_count,
        active_worker_count, stf_samples_received, slices_created, slices_queued,
        slices_processing, slices_completed, slices_failed, state_changed_at, updated_at, metadata)
    VALUES (:run_number, 'initializing', 'imminent', 'preparing', :workers, 0, 0, 0, 0, 0, 0, 0,
        :at, :at, cast(:metadata AS jsonb))
    ON CONFLICT (run_number) DO NOTHING
""")
_END_RUN: Final = text("""
    INSERT INTO swf_runs (run_number, start_time, end_time) VALUES (:run_number, :began, :at)
    ON CONFLICT (run_number) DO UPDATE SET end_time = coalesce(swf_runs.end_time, :at)
""")


def define(
    session: Session,
    *,
    workflow: str,
    version: str,
    definition: str,
    parameters: Mapping[str, Any],
    owner: str,
    at: datetime,
) -> int:
    """The key of the workflow's definition; it is recorded where it is not yet."""
    named = {"workflow": workflow, "version": version}
    told = {"definition": definition, "parameters": json.dumps(parameters)}
    session.execute(_DEFINE, {**named, **told, "owner": owner[:100], "at": at})
    return int(session.scalars(_DEFINITION, named).one())


def begin(
    session: Session,
    execution: WorkflowRun,
    *,
    definition_id: int,
    parameters: Mapping[str, Any],
    owner: str,
    target_worker_count: int,
) -> None:
    """Record an execution that begins, and the state of its run."""
    session.add(execution)
    session.flush()
    began = {"at": execution.started_at, "execution_id": execution.execution_id}
    row = {"definition_id": definition_id, "namespace": execution.namespace, "owner": owner[:100]}
    session.execute(_BEGIN, {**began, **row, "parameters": json.dumps(parameters)})
    metadata = json.dumps({"execution_id": execution.execution_id})
    state = {"run_number": execution.run_number, "workers": target_worker_count}
    session.execute(_OPEN_RUN_STATE, {**state, "at": execution.started_at, "metadata": metadata})


def of_request(session: Session, request_id: int) -> WorkflowRun | None:
    """The execution that a request has begun, locked; None where it has begun none."""
    return session.get(WorkflowRun, request_id, with_for_update=True)


def parameters_of(session: Session, execution: WorkflowRun) -> dict[str, Any]:
    """The parameters by which the execution was begun."""
    named = {"execution_id": execution.execution_id}
    return dict(session.scalars(_PARAMETERS, named).one())


def stop_requested_by(session: Session, request_id: int) -> str | None:
    """Who wants the request's execution to stop; None where nobody does."""
    return session.scalar(
        select(WorkflowRun.stop_requested_by).where(WorkflowRun.request_id == request_id)
    )


def end_run(session: Session, execution: WorkflowRun, at: datetime) -> None:
    """Note that the execution's run has ended; it is recorded where no agent has done that.

    Not before: the original data agent does not bear that its run is registered already.
    """
    execution.is_run_ended = True
    began = {"run_number": execution.run_number, "began": execution.started_at}
    session.execute(_END_RUN, {**began, "at": at})


def end(session: Session, execution: WorkflowRun, status: ExecutionStatus, at: datetime) -> None:
    """Note how and when the execution has ended."""
    execution.ended_at = at
    metrics = {"messages": execution.messages, "stf_files": execution.stfs}
    row = {"execution_id": execution.execution_id, "status": status.value, "at": at}
    session.execute(_END, {**row, "metrics": json.dumps(metrics)})


# ------------------------------------------------------------------ what is open, and stopping it


def open_requests(
    session: Session, *, execution_id: str | None = None, namespace: str | None = None
) -> Sequence[Request]:
    """The open requests of an execution, or of a namespace, the oldest first."""
    query = select(Request).where(Request.action == ACTION, Request.state.in_(OPEN))
    if execution_id is not None:
        query = query.join(WorkflowRun, WorkflowRun.request_id == Request.id).where(
            WorkflowRun.execution_id == execution_id
        )
    if namespace is not None:
        query = query.where(Request.subject == namespace)
    return session.scalars(query.order_by(Request.id)).all()


def running(session: Session, namespace: str | None = None) -> Sequence[WorkflowRun]:
    """The executions that have not ended, of a namespace or of all, the oldest first."""
    query = select(WorkflowRun).where(WorkflowRun.ended_at.is_(None))
    if namespace is not None:
        query = query.where(WorkflowRun.namespace == namespace)
    return session.scalars(query.order_by(WorkflowRun.started_at)).all()


def request_stop(session: Session, request: Request, by: str) -> str | None:
    """Note that somebody wants the request's execution to stop, and notify its run.

    Returns:
        The execution's id; None where no run works on one that could see the note.
    """
    if request.state == RequestState.QUEUED:
        return None
    stopped = session.scalar(
        update(WorkflowRun)
        .where(WorkflowRun.request_id == request.id, WorkflowRun.ended_at.is_(None))
        .values(stop_requested_by=func.coalesce(WorkflowRun.stop_requested_by, by))
        .returning(WorkflowRun.execution_id)
    )
    session.execute(select(func.pg_notify(CHANNEL, "")))
    return stopped
