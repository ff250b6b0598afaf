"""The flows as deployments name them."""

import inspect

import pytest
from prefect.utilities.importtools import import_object

from deployments import catalogue
from flows.common import actions


@pytest.mark.parametrize("name", sorted(actions.all_actions()))
def test_every_deployments_entrypoint_is_a_flow_with_the_actions_name_and_parameters(name):
    flow, inner = import_object(catalogue.entrypoint_of(name)), catalogue.flow_of(name)
    assert flow.name == inner.name
    assert inspect.signature(flow.fn) == inspect.signature(inner.fn)
    assert flow.timeout_seconds == actions.get(name).timeout_seconds


def test_what_is_no_action_has_none():
    with pytest.raises(AttributeError, match="there is no action 'rm'"):
        import_object(catalogue.entrypoint_of("rm"))
