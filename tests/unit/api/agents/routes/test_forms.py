"""Whatever is in a field of an agent's body, it is read, or refused by the field's name."""

from __future__ import annotations

import json
import uuid

from hypothesis import given
from hypothesis import strategies as st

from api.agents.routes.agents import AgentForm, HeartbeatForm, SubscriberForm
from api.agents.routes.logs import LogForm
from api.agents.routes.messages import MessageForm
from api.agents.routes.state import NamespaceForm
from api.agents.routes.workflows import DefinitionForm, ExecutionForm, StageForm, WorkflowForm
from api.fastmon.routes.data_taking import RunStateForm, SliceForm, StateEventForm, WorkerForm
from api.http.errors import Rejection
from api.http.forms import Body, partial

TIME = "2026-08-01T12:00:00Z"
FORMS = {
    HeartbeatForm: {"instance_name": "a"},
    AgentForm: {"instance_name": "a"},
    SubscriberForm: {"subscriber_name": "a"},
    NamespaceForm: {"name": "a", "owner": "me"},
    LogForm: {
        "app_name": "a", "instance_name": "a", "timestamp": TIME, "levelname": "INFO",
        "message": "m", "module": "m", "funcname": "f", "lineno": 1, "process": 1, "thread": 1,
    },
    MessageForm: {"message_type": "note", "message_content": {}},
    DefinitionForm: {
        "workflow_name": "w", "version": "1", "workflow_type": "t", "definition": "d",
        "created_by": "me",
    },
    ExecutionForm: {
        "execution_id": "e", "workflow_definition": 1, "start_time": TIME, "executed_by": "me",
    },
    WorkflowForm: {
        "filename": "a.stf", "daq_state": "run", "daq_substate": "physics",
        "generated_time": TIME, "stf_start_time": TIME, "stf_end_time": TIME,
    },
    StageForm: {"workflow": str(uuid.UUID(int=1)), "agent_name": "a", "agent_type": "data"},
    SliceForm: {
        "fastmon_file": "a.tf", "slice_id": 0, "tf_first": 0, "tf_last": 0, "tf_count": 1,
        "run_number": 1,
    },
    RunStateForm: {"run_number": 1, "phase": "p", "state": "s"},
    StateEventForm: {"timestamp": TIME, "run_number": 1, "event_type": "e", "state": "s"},
    WorkerForm: {"worker_id": "w", "run_number": 1, "status": "s"},
}  # fmt: skip
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters()),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(st.characters()), inner),
    max_leaves=8,
)


def sent(value: object) -> Body:
    return Body("application/json", json.dumps(value).encode())


@given(form=st.sampled_from(list(FORMS)), is_whole=st.booleans(), data=st.data())
def test_any_json_in_any_field_is_read_or_refused_naming_the_field(form, is_whole, data):
    field = data.draw(st.sampled_from(sorted(form.model_fields)))
    body = sent({**FORMS[form], field: data.draw(JSON)})
    try:
        assert field in body.read(form if is_whole else partial(form))
    except Rejection as error:
        refused = error
    else:
        return
    assert refused.status == 400
    assert set(refused.body) in ({field}, {"detail"})
    json.dumps(refused.body, ensure_ascii=False).encode()


def test_each_form_takes_what_it_requires_and_nothing_else():
    for form, good in FORMS.items():
        assert set(sent(good).read(form)) == set(good)
