"""The how-to of the testbed: its commands are commands, and its example is a configuration."""

from __future__ import annotations

import re
import tomllib

from deployments.testbed.configuration import ProgramSection
from tests.unit.docs.test_pages import DOCS, code, fences, is_known

PAGE = DOCS / "how-to" / "run-the-testbed.md"
COMMAND = re.compile(r"^testbed [a-z].*")


def test_every_command_of_the_testbed_exists():
    lines = [line for line in code(PAGE) if COMMAND.match(line)]
    assert len(lines) > 5
    assert [line for line in lines if not is_known(f"prodops {line}")] == []


def test_the_example_of_a_program_is_of_its_form():
    [example] = [tomllib.loads(text) for kind, text in fences(PAGE) if kind == "toml"]
    [program] = example["programs"].values()
    assert ProgramSection.model_validate(program).directory == "../swf-testbed"
