"""The tutorial, replayed: its commands run as they stand, and what it promises is what happens."""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from deployments.reference import ROOT
from deployments.stack.temporary import remove_state, temporary_environment, temporary_settings

pytestmark = pytest.mark.e2e

PAGE = ROOT / "docs" / "tutorial.md"
BLOCK = re.compile(r"^```(bash replay|text expect)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
SECONDS = 600
INTERRUPTED = 124  # `timeout` pressed Ctrl+C


@dataclass
class Step:
    commands: str
    expected: list[str]

    @property
    def events(self) -> int:
        """How many events the page says that a watch shows."""
        found = re.search(r"^TF Files Received: (\d+)$", "\n".join(self.expected), re.MULTILINE)
        return int(found[1]) if found else 0


def steps() -> list[Step]:
    found: list[Step] = []
    for kind, text in BLOCK.findall(PAGE.read_text()):
        if kind == "bash replay":
            found.append(Step(text, []))
        else:
            found[-1].expected += text.splitlines()
    return found


def require_curl() -> None:
    """Skip where what the page names is not installed, which CI does not permit."""
    if shutil.which("curl") is not None:
        return
    reason = "curl is not installed: deployments/system-packages.sh installs it"
    if os.environ.get("CI") == "true":
        pytest.fail(reason)
    pytest.skip(reason)


@pytest.fixture
def given(tmp_path: Path) -> Iterator[dict[str, str]]:
    require_curl()
    given = temporary_environment({})
    yield given
    own = {**os.environ, **given}
    subprocess.run(
        [sys.executable, "-m", "deployments.cli", "down"],
        env=own,
        cwd=tmp_path,
        capture_output=True,
        check=False,
    )
    # The page's own `.env` asks for the grid; its doors' files lie elsewhere.
    remove_state(temporary_settings({**given, "PRODOPS_SANDBOX_GRID": "true"}))


READER = Path(__file__).with_name("reader.py").read_text()


@pytest.mark.slow
def test_the_tutorial_does_what_it_says(given, tmp_path, subtests):
    script = "".join(
        f"export EVENTS={step.events}\n{step.commands}\necho \x1e$?\n" for step in steps()
    )
    reader = tmp_path / "bin" / "timeout"
    reader.parent.mkdir()
    reader.write_text(f"#!{sys.executable}\n{READER}")
    reader.chmod(0o755)
    port = given["PRODOPS_API_PORT"]
    environment = {
        **os.environ,
        **given,
        "PATH": f"{reader.parent}:{Path(sys.executable).parent}:{os.environ['PATH']}",
        "PRODOPS_API_MONITOR_URL": f"http://127.0.0.1:{port}",
    }

    replayed = subprocess.run(
        ["bash", "-c", script],
        env=environment,
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=SECONDS,
        check=False,
    )

    outputs = re.split(r"\x1e(\d+)\n", replayed.stdout.replace(port, "8002"))
    assert len(outputs) == 2 * len(steps()) + 1, replayed.stdout
    for step, output, code in zip(steps(), outputs[::2], outputs[1::2], strict=False):
        with subtests.test(step.commands.splitlines()[-1]):
            is_status_of_a_stopped_stack = "the stack is down" in output
            assert int(code) in {0, INTERRUPTED} or is_status_of_a_stopped_stack, output
            assert missing(step.expected, output) == []


def missing(expected: list[str], output: str) -> list[str]:
    return [line for line in expected if not re.search(pattern_of(line), output, re.MULTILINE)]


def pattern_of(line: str) -> str:
    """`…` stands for anything on the line."""
    return "^" + ".*".join(re.escape(part) for part in line.split("…")) + r"\s*$"


def test_the_tutorial_is_replayed_at_all():
    assert len(steps()) >= 8
    assert all(step.expected for step in steps())
