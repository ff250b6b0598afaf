"""The forms: what is refused before a request is accepted, and what the others come to."""

from __future__ import annotations

import pytest

from blocks.errors import Invalid
from flows.workflows.actions import RUN_WORKFLOW, STOP_WORKFLOW
from flows.workflows.schemas import RunWorkflow


def configured(**asked):
    form = RUN_WORKFLOW.parse({"namespace": "torre1", **asked})
    assert isinstance(form, RunWorkflow)
    return form.configured()


def test_by_default_it_is_the_fast_processing_of_ten_stfs():
    own = configured()
    assert (own.workflow, own.name) == ("stf_datataking", "fast_processing_default")
    assert list(own.daq().stf_counts()) == [10]


def test_the_request_s_own_parameters_come_before_overrides_and_are_named_as_source():
    section = {"section": "fast_processing", "key": "stf_count", "value": 3}
    own = configured(stf_count=2, stf_interval=0.5, overrides=[{**section, "source": "my.toml"}])
    assert own.daq().stf_count == 2
    assert own.sources()["fast_processing"]["stf_count"] == "request"
    assert own.sources()["daq_state_machine"]["stf_interval"] == "request"
    other = configured(overrides=[{**section, "source": "my.toml"}])
    assert other.sources()["fast_processing"]["stf_count"] == "my.toml"


def test_a_duration_counts_instead_of_a_configured_number_of_stfs():
    own = configured(physics_period_duration=3.0)
    assert own.daq().stf_count == 0
    assert own.sources()["fast_processing"]["stf_count"] == "physics_period_duration is given"
    assert configured(physics_period_duration=3.0, stf_count=4).daq().stf_count == 4


@pytest.mark.parametrize(
    ("asked", "field", "said"),
    [
        ({"namespace": ""}, "namespace", "at least 1 character"),
        ({"workflow": "nope"}, "workflow", "stf_datataking"),
        ({"config": "nope"}, "config", "there are: daq_state_machine"),
        ({"stf_count": -1}, "stf_count", "greater than or equal"),
        ({"stf_cuont": 1}, "stf_cuont", "not permitted"),
        ({"overrides": [{"section": "x", "key": "y", "value": 1}]}, "overrides", "no section 'x'"),
        ({"overrides": {}}, "overrides", "valid list"),
        ({"physics_period_count": 0, "realtime": False}, "parameters", "endless"),
    ],
)
def test_what_cannot_run_is_refused_by_its_field(asked, field, said):
    with pytest.raises(Invalid) as refused:
        RUN_WORKFLOW.parse({"namespace": "torre1", **asked})
    assert said in refused.value.fields[field][0]


@pytest.mark.parametrize("asked", [{}, {"execution_id": "a", "namespace": "b"}])
def test_what_is_to_stop_is_named_by_one_thing(asked):
    with pytest.raises(Invalid, match="an execution_id or a namespace"):
        STOP_WORKFLOW.parse(asked)
