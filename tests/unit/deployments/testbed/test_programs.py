"""What an agent of the configuration runs."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from deployments.testbed import configuration
from deployments.testbed.errors import BadTestbed
from deployments.testbed.programs import Agent, agents_of


@pytest.fixture
def place(tmp_path) -> Path:
    found = tmp_path / "te st ü"
    found.mkdir()
    (found / "agent.py").write_text("pass")
    return found


def agents(place: Path, text: str) -> dict[str, Agent]:
    path = place / "testbed.toml"
    path.write_text('[testbed]\nnamespace = "torre 1"\n' + text, encoding="utf-8")
    found = agents_of(configuration.load(path), place / "state")
    return {each.name: each for each in found}


def refusal(place: Path, text: str) -> str:
    with pytest.raises(BadTestbed) as refused:
        agents(place, text)
    return str(refused.value)


@pytest.mark.parametrize(
    ("name", "kind"),
    [("data", "data"), ("processing", "processing"), ("fast_processing", "fast-processing"),
     ("stf-data", "data"), ("stf-processing", "processing")],
)  # fmt: skip
def test_known_agents_are_ours_whatever_script_informs(place, name, kind):
    found = agents(place, f'[agents.{name}]\nscript = "example_agents/x.py"\n')[name].program
    assert found.argv[:6] == (sys.executable, "-P", "-m", "deployments.cli", "agent", kind)
    assert found.argv[6:8] == ("--namespace", "torre 1")
    assert found.argv[-1].startswith(f"{place}/state/agents/")


def test_the_originals_program_names_are_ours(place):
    found = agents(place, '[agents.x]\nprogram = "example-processing-agent"\n')["x"].program
    assert found.argv[5] == "processing"


def test_fastmon_is_prodops_itself(place):
    assert agents(place, "[agents.fastmon]\nenabled = true\n")["fastmon"].program is None


def test_a_described_program_works_in_its_directory_with_its_environment(place):
    (place / "sub").mkdir()
    text = """
        [agents.data]
        program = "mine"
        [programs.mine]
        command = ["/bin/sh", "-c", "exit 0"]
        directory = "sub"
        environment = { A = "b" }
    """
    found = agents(place, text)["data"].program
    assert found.argv == ("/bin/sh", "-c", "exit 0")
    assert (found.directory, dict(found.environment)) == (place / "sub", {"A": "b"})


def test_a_command_may_be_written_as_for_a_shell(place):
    text = '[agents.x]\nprogram = "p"\n[programs.p]\ncommand = "sh -c \'a b\'"\n'
    assert agents(place, text)["x"].program.argv[1:] == ("-c", "a b")


def test_a_script_is_run_by_python_beside_the_file(place):
    found = agents(place, '[agents.mine]\nscript = "agent.py"\n')["mine"].program
    assert found.argv == (sys.executable, f"{place}/agent.py")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[agents.dta]\nenabled = true\n", "there is no agent 'dta'; the nearest is 'data'"),
        ('[agents.x]\nprogram = "procesing"\n', "no program 'procesing'; the nearest is"),
        ('[agents.x]\nscript = "none.py"\n', "there is no script"),
        ('[agents.x]\nprogram = "p"\n[programs.p]\ncommand = "no-such-program"\n',
         "[programs.p]: there is no program 'no-such-program'"),
        ('[agents.x]\nprogram = "p"\n[programs.p]\ncommand = "./agent.py"\n', "that can be run"),
        ('[agents.x]\nprogram = "p"\n[programs.p]\ncommand = "a \'b"\n', "No closing quotation"),
        ('[agents.x]\nprogram = "p"\n[programs.p]\ncommand = ["sh"]\ndirectory = "nowhere"\n',
         "there is no directory"),
        ("[agents.agent-manager]\nenabled = true\n", "a program that runs anyway"),
    ],
)  # fmt: skip
def test_what_cannot_run_is_named(place, text, said):
    assert said in refusal(place, text)


def test_an_agent_that_is_not_enabled_may_have_no_program(place):
    text = '[agents.x]\nenabled = false\nprogram = "p"\n'
    assert "there is no program 'p'" in agents(place, text)["x"].problem
