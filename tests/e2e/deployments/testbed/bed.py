"""A testbed of a test's own: a directory, the `testbed` command in it, and nothing left behind."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil
import pytest

from tests.e2e.conftest import Site
from tests.waiting import PATIENCE, wait_until

USER = "tester"
STUB = Path(__file__).parents[3] / "support" / "stub_agent.py"
_COMMAND = [sys.executable, "-P", "-m", "deployments.cli.testbed"]
_QUICK = """
[parameters]
no_beam_not_ready_delay = 0.0
broadcast_delay = 0.0
beam_not_ready_delay = 0.0
beam_ready_delay = 0.0
beam_not_ready_end_delay = 0.0
stf_interval = 0.1
"""


@dataclass
class Bed:
    """What one test works with."""

    site: Site
    directory: Path
    namespace: str
    given: dict[str, str] = field(default_factory=dict)

    @property
    def file(self) -> Path:
        return self.directory / "testbed.toml"

    @property
    def environment(self) -> dict[str, str]:
        return {
            **os.environ,
            "SWF_MONITOR_URL": self.site.stack.api_url,
            "SWF_API_TOKEN": self.site.token,
            "PRODOPS_TESTBED_STATE_DIR": str(self.directory / "state"),
            "PRODOPS_TESTBED_USER": USER,
            **self.given,
        }

    def write(self, *agents: str, more: str = "", parameters: str = _QUICK) -> None:
        """A configuration with these agents."""
        sections = "".join(f"[agents.{name}]\n" for name in agents)
        text = f'[testbed]\nnamespace = "{self.namespace}"\n{sections}{more}{parameters}'
        self.file.write_text(text, encoding="utf-8")

    def write_stubs(self, **options: str) -> None:
        """A configuration whose agents are stubs, each with its options."""
        more = "".join(self._stub(name, words.split()) for name, words in options.items())
        self.write(more=more)

    def _stub(self, name: str, options: list[str]) -> str:
        command = json.dumps([sys.executable, str(STUB), name, *options])
        environment = f'environment = {{ STUB = "{self.namespace}" }}'
        agent = f'[agents.{name}]\nprogram = "{name}-stub"\n'
        return f"{agent}[programs.{name}-stub]\ncommand = {command}\n{environment}\n"

    def run(self, *words: str, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [*_COMMAND, *words], env=self.environment, cwd=cwd or self.directory,
            capture_output=True, text=True, timeout=PATIENCE, check=False,
        )  # fmt: skip

    def start(self) -> dict[str, dict[str, Any]]:
        """Start the agents, and wait for the controller too; gives the rows of the status."""
        started = self.run("start")
        assert started.returncode == 0, started.stderr
        return self.wait_ready("agent-manager")

    @contextmanager
    def started(self, *words: str) -> Iterator[subprocess.Popen[str]]:
        with subprocess.Popen(
            [*_COMMAND, *words], env=self.environment, cwd=self.directory, text=True,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        ) as process:  # fmt: skip
            try:
                yield process
            finally:
                process.kill()

    def status(self) -> dict[str, dict[str, Any]]:
        """Each agent's row, by its name."""
        shown = json.loads(self.run("status", "--json").stdout)
        return {row["agent"]: row for row in shown["agents"]}

    def wait_ready(self, *names: str) -> dict[str, dict[str, Any]]:
        def ready() -> dict[str, dict[str, Any]] | None:
            rows = self.status()
            is_ready = all(rows.get(name, {}).get("state") == "READY" for name in names)
            return rows if is_ready else None

        return wait_until(ready, pause=0.3)

    def command(self, verb: str, target: str | None = None) -> int:
        """Have the user's controller do something; gives the command's id."""
        form = {"verb": verb, "target": target, "user": USER}
        answer = self.site.api.post("/api/testbed/commands/", json=form)
        assert answer.status_code == 202, answer.text
        return int(answer.json()["id"])

    def answer(self, command_id: int) -> dict[str, Any]:
        """What came of a command."""

        def ended() -> dict[str, Any] | None:
            shown = self.site.api.get(f"/api/testbed/commands/{command_id}/").json()
            return shown if shown["state"] in {"done", "failed"} else None

        return wait_until(ended, pause=0.1)

    def done(self, verb: str, target: str | None = None) -> dict[str, Any]:
        """Have it done; gives the result."""
        answer = self.answer(self.command(verb, target))
        assert answer["state"] == "done", answer["error"]
        return answer["result"]

    def processes(self) -> list[psutil.Process]:
        """What runs of this testbed: the supervisor, and what is below it."""
        mark = str(self.directory / "state")
        found = []
        for process in psutil.process_iter(["environ", "cmdline"]):
            environ = process.info["environ"] or {}
            words = " ".join(process.info["cmdline"] or [])
            if environ.get("PRODOPS_TESTBED_STATE_DIR") == mark or mark in words:
                found.append(process)
        return found

    def end(self) -> None:
        self.run("stop", "--all")
        left = self.processes()
        for process in left:
            process.send_signal(signal.SIGKILL)
        assert not left, left


@pytest.fixture
def bed(site: Site, namespace: str, tmp_path: Path) -> Iterator[Bed]:
    """In a directory with a blank and a letter beyond ASCII in its name."""
    directory = tmp_path / "te st ü"
    directory.mkdir()
    made = Bed(site, directory, namespace)
    yield made
    made.end()
