"""Which command line is an agent's."""

import pytest

from deployments.testbed.killing import names_agent


@pytest.mark.parametrize(
    ("command", "instance"),
    [
        ("python -P -m deployments.cli agent data --namespace t", "data-agent-anna-7"),
        ("prodops agent fast-processing", "fast_processing-agent-anna-7"),
        ("python example_agents/fast_processing_agent.py", "fast_processing-agent-anna-7"),
        ("python /a/stf-processing-agent.py --x", "stf_processing-agent-anna-7"),
        ("python odd.py --name sampler-7", "sampler-7"),
    ],
)
def test_an_agents_command_names_it(command, instance):
    assert names_agent(command, instance)


@pytest.mark.parametrize(
    ("command", "instance"),
    [
        ("vim data.txt", "data-agent-anna-7"),
        ("python -m deployments.cli agent processing", "data-agent-anna-7"),
        ("python metadata_agent_tool.py", "data-agent-anna-7"),
        ("python example_agents/stf_data_agent.py.bak", "data-agent-anna-7"),
        ("sshd: anna", "sampler-7"),
        ("", "data-agent-anna-7"),
    ],
)
def test_another_command_does_not(command, instance):
    assert not names_agent(command, instance)
