"""`testbed.toml`: what is read, what is included, and what is refused by name."""

from __future__ import annotations

from pathlib import Path

import pytest

from deployments.testbed import configuration, finding
from deployments.testbed.errors import BadTestbed

LEAST = '[testbed]\nnamespace = "torre1"\n'


def written(directory: Path, text: str, name: str = "testbed.toml") -> Path:
    path = directory / name
    path.write_text(text, encoding="utf-8")
    return path


def refusal(directory: Path, text: str) -> str:
    with pytest.raises(BadTestbed) as refused:
        configuration.load(written(directory, text))
    assert str(directory / "testbed.toml") in str(refused.value)
    return str(refused.value)


def test_the_plans_schema_is_read(tmp_path):
    text = """
        [testbed]
        namespace = "torre1"
        [workflow]
        name = "stf_datataking"
        config = "fast_processing_default"
        duration = 0
        realtime = true
        [agents.processing]
        enabled = true
        program = "example-processing-agent"
        [agents.fast_processing]
        enabled = false
        [fast_processing]
        stf_count = 5
        [daq_state_machine]
        stf_interval = 1.0
    """
    read = configuration.load(written(tmp_path, text))
    assert (read.namespace, read.workflow.config) == ("torre1", "fast_processing_default")
    assert read.agents["processing"].program == "example-processing-agent"
    assert [name for name, each in read.agents.items() if each.enabled] == ["processing"]
    assert read.sections["fast_processing"]["stf_count"].value == 5
    assert read.sections["daq_state_machine"]["stf_interval"].source == "testbed.toml"


def test_a_relative_path_is_made_absolute(tmp_path, monkeypatch):
    written(tmp_path, LEAST)
    monkeypatch.chdir(tmp_path)
    assert configuration.load(Path("testbed.toml")).path == tmp_path / "testbed.toml"


def test_the_shipped_example_is_good(tmp_path):
    read = configuration.load(written(tmp_path, finding.example()))
    assert [name for name, each in read.agents.items() if each.enabled] == [
        "data", "processing", "fast_processing",
    ]  # fmt: skip


def test_included_files_count_where_the_file_says_nothing(tmp_path):
    written(tmp_path, '[testbed]\nnamespace = "other"\n[parameters]\nstf_count = 9\n', "a.toml")
    text = LEAST + '[workflow]\nincludes = ["a.toml"]\n[parameters]\nstf_interval = 1.0\n'
    read = configuration.load(written(tmp_path, text))
    assert read.namespace == "torre1"
    assert {name: each.source for name, each in read.parameters.items()} == {
        "stf_interval": "testbed.toml", "stf_count": "a.toml",
    }  # fmt: skip


def test_a_circle_of_includes_is_refused(tmp_path):
    written(tmp_path, '[workflow]\nincludes = ["testbed.toml"]\n', "a.toml")
    text = refusal(tmp_path, LEAST + '[workflow]\nincludes = ["a.toml"]\n')
    assert "includes itself, by a.toml" in text


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "no section [testbed]"),
        ("[testbed]\n", "[testbed] namespace: Field required"),
        ('[testbed]\nnamespace = ""\n', "[testbed] namespace"),
        (LEAST + "[agent.data]\nenabled = true\n", "no section [agent]; the nearest is 'agents'"),
        (LEAST + "[fast_procesing]\nx = 1\n", "the nearest is 'fast_processing'"),
        (LEAST + "[agents.data]\nenable = true\n", "reads 'enable'; the nearest is 'enabled'"),
        (LEAST + '[agents.data]\nenabled = "yes"\n', "[agents.data] enabled: Input should be"),
        (LEAST + "[agents]\ndata = true\n", "[agents.data]"),
        (LEAST + '[agents."a b"]\nenabled = true\n', "'a b' is no name"),
        (LEAST + '[workflow]\nduration = "1"\n', "[workflow] duration: Input should be"),
        ("parameters = 3\n" + LEAST, "parameters is a section: write [parameters]"),
        ("[testbed\n", "it is no TOML"),
    ],
)
def test_what_is_wrong_is_named(tmp_path, text, said):
    assert said in refusal(tmp_path, text)


def test_a_file_that_is_not_there_or_no_utf_8_is_named(tmp_path):
    with pytest.raises(BadTestbed, match="No such file"):
        configuration.load(tmp_path / "testbed.toml")
    (tmp_path / "testbed.toml").write_bytes('[testbed]\nnamespace = "ü"'.encode("latin-1"))
    with pytest.raises(BadTestbed, match="no UTF-8"):
        configuration.load(tmp_path / "testbed.toml")
