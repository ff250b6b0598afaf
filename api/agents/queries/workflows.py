"""The collections of workflows: definitions, executions, STFs' workflows and their stages.

Source: fastmon contract sections 3.9 and 3.10.
"""

from __future__ import annotations

import operator
from typing import Final

from sqlalchemy import select

from api.http.collections.store import Collection, Filter, table_of
from flows.agents.models import (
    AgentWorkflowStage,
    StfWorkflow,
    WorkflowDefinition,
    WorkflowExecution,
)

_DEFINITIONS: Final = table_of(WorkflowDefinition)
_EXECUTIONS: Final = table_of(WorkflowExecution)
_WORKFLOWS: Final = table_of(StfWorkflow)
_STAGES: Final = table_of(AgentWorkflowStage)

DEFINITIONS: Final = Collection(
    name="WorkflowDefinition",
    words="workflow definition",
    table=_DEFINITIONS,
    rows=select(_DEFINITIONS),
    order=(_DEFINITIONS.c.id,),
    filters={
        "workflow_name": Filter(_DEFINITIONS.c.workflow_name, "The workflow's name."),
        "version": Filter(_DEFINITIONS.c.version, "Its version."),
        "workflow_type": Filter(_DEFINITIONS.c.workflow_type, "Its type."),
        "created_by": Filter(_DEFINITIONS.c.created_by, "Who made it."),
    },
)

EXECUTIONS: Final = Collection(
    name="WorkflowExecution",
    words="workflow execution",
    table=_EXECUTIONS,
    rows=select(
        *(column for column in _EXECUTIONS.c if column.name != "workflow_definition_id"),
        _EXECUTIONS.c.workflow_definition_id.label("workflow_definition"),
    ),
    order=(_EXECUTIONS.c.start_time, _EXECUTIONS.c.execution_id),
    filters={
        "status": Filter(_EXECUTIONS.c.status, "Its status."),
        "namespace": Filter(_EXECUTIONS.c.namespace, "Its namespace."),
        "executed_by": Filter(_EXECUTIONS.c.executed_by, "Who runs it."),
        "workflow_definition": Filter(
            _EXECUTIONS.c.workflow_definition_id, "Key of its definition."
        ),
        "start_time": Filter(_EXECUTIONS.c.start_time, "Begun not before that time.", operator.ge),
        "end_time": Filter(_EXECUTIONS.c.start_time, "Begun before that time.", operator.lt),
    },
    columns={"workflow_definition": "workflow_definition_id"},
)

WORKFLOWS: Final = Collection(
    name="STFWorkflow",
    words="stf workflow",
    table=_WORKFLOWS,
    rows=select(_WORKFLOWS),
    order=(_WORKFLOWS.c.created_at, _WORKFLOWS.c.workflow_id),
    filters={
        "filename": Filter(_WORKFLOWS.c.filename, "Name of the STF file."),
        "current_status": Filter(_WORKFLOWS.c.current_status, "Its status."),
        "current_agent": Filter(_WORKFLOWS.c.current_agent, "The type of agent that has it."),
        "namespace": Filter(_WORKFLOWS.c.namespace, "Its namespace."),
        "execution_id": Filter(_WORKFLOWS.c.execution_id, "The execution that it is of."),
        "run_id": Filter(_WORKFLOWS.c.run_id, "Number of the run, as messages call it."),
    },
)

STAGES: Final = Collection(
    name="AgentWorkflowStage",
    words="agent workflow stage",
    table=_STAGES,
    # Agents read `id`, which the original does not send.
    rows=select(
        _STAGES.c.stage_id.label("id"),
        *(column for column in _STAGES.c if column.name != "workflow_id"),
        _STAGES.c.workflow_id.label("workflow"),
    ),
    order=(_STAGES.c.created_at, _STAGES.c.stage_id),
    filters={
        "workflow": Filter(_STAGES.c.workflow_id, "The workflow that it is of."),
        "agent_name": Filter(_STAGES.c.agent_name, "The agent's name."),
        "agent_type": Filter(_STAGES.c.agent_type, "What the agent does."),
        "status": Filter(_STAGES.c.status, "Its status."),
    },
    columns={"workflow": "workflow_id"},
)
