"""No secret of a whole stack stands where it has no place, whatever has gone well or wrong.

Each search is shown to find what was put into the open on purpose.
"""

from __future__ import annotations

import os
import resource
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from secrets import token_hex
from typing import Any

import httpx
import psutil
import pytest

from deployments.bench.submission.chaos.leaks import in_files, in_tables
from deployments.sandbox.broker.programs import find_programs
from deployments.sandbox.grid import access as grid_access
from deployments.sandbox.grid.logs import make_log
from deployments.stack.stack import Stack
from flows.common.models import Request
from tests.e2e.conftest import Site
from tests.e2e.production import Production, production_of
from tests.grid import RunningGrid, require_grid
from tests.stacks import running_stack
from tests.support import planted_secrets as planted
from tests.support.payload_logs.archives import STDOUT, archive
from tests.waiting import wait_until
from tests.whole_stack import WHOLE

pytestmark = [pytest.mark.e2e, pytest.mark.slow]

OPEN = f"open-canary-{token_hex(8)}"
SEEN = {OPEN: "what is in the open"}
CAMPAIGN = "26.05.0"
ROOT = Path(__file__).parents[4]
MOST = {
    "PRODOPS_SANDBOX_BROKER": "true",
    "PRODOPS_NOTIFICATIONS_ALLOW_LOCAL_ADDRESSES": "true",
    "PRODOPS_NOTIFICATIONS_TIMEOUT_SECONDS": "5",
}


@dataclass
class Lived:
    """A stack in which things went well and wrong, and what it was given to keep to itself."""

    production: Production
    grid: RunningGrid
    directory: Path
    needles: dict[str, str]
    watched: planted.Watched
    said: dict[str, str] = field(default_factory=dict)

    @property
    def site(self) -> Site:
        return self.production.site

    @property
    def stack(self) -> Stack:
        return self.site.stack

    def plant(self, name: str) -> str:
        """A secret that is good for nothing."""
        canary = f"canary-{token_hex(12)}"
        self.needles[canary] = name
        return canary

    def file(self, name: str, content: str) -> str:
        """A private file outside the stack; gives its path."""
        path = self.directory / name.replace(" ", "-")
        path.touch(mode=0o600)
        path.write_text(content)
        return str(path)

    @contextmanager
    def instead(self, path: Path, name: str, content: str) -> Iterator[None]:
        """Let a file hold a wrong secret: `content` with a canary in the place of {}."""
        before = path.read_bytes()
        path.write_text(content.replace("{}", self.plant(name)))
        try:
            yield
        finally:
            path.write_bytes(before)

    def ask(self, *words: str, **given: str) -> None:
        """A command of the ops side, with other settings; what it says is kept."""
        done = subprocess.run(
            [sys.executable, "-m", "deployments.cli", *words],
            env={**self.stack.environment("ops"), **given},
            cwd=self.stack.state_dir,
            capture_output=True,
            text=True,
            check=False,
        )
        shown = f"exit code {done.returncode}\n{done.stdout}\n{done.stderr}"
        self.said[f"{' '.join(words)} {given}"] = shown

    def job(self) -> int:
        """A job with a log; gives its id."""
        pandaid = 8_000_001 + len(self.production.panda.get("journal").content) % 1_000_000
        lfn = f"group.EIC.sim.log.{pandaid}.log.tgz"
        content = archive({"payload.stdout": STDOUT})
        make_log(self.grid, scope="group.EIC", lfn=lfn, content=content)
        body = {"panda_id": pandaid, "jedi_task_id": 4711, "log": ["group.EIC", lfn]}
        self.production.panda.post("jobs", json=body).raise_for_status()
        return pandaid

    def ran(self, action: str, **parameters: Any) -> Request:
        return self.site.ended(self.site.trigger(action, **parameters))


@pytest.fixture(scope="module")
def lived(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lived]:
    require_grid()
    if find_programs() is None:
        pytest.skip("ActiveMQ is not installed")
    with (
        running_stack({**WHOLE, **MOST}) as stack,
        production_of(stack) as production,
        planted.Watched(stack.pid("supervisord")) as watched,
    ):
        given = Lived(
            production,
            RunningGrid(stack.settings, stack),
            tmp_path_factory.mktemp("private"),
            {**planted.secrets_of(stack), production.site.token: "a token of the API"},
            watched,
        )
        go_well(given)
        go_wrong(given)
        show(given)
        yield given


def go_well(lived: Lived) -> None:
    """A submission, a fetch of a log, a sweep, and what commands say."""
    final = lived.production.final(lived.production.submit(lived.production.task()))
    assert final.msg_type == "prodtask_submitted"
    assert lived.ran("fetch_payload_log", pandaid=lived.job()).state == "completed"
    lived.site.api.post("/pcs/api/campaigns/", json={"name": CAMPAIGN}).raise_for_status()
    assert lived.ran("campaign_provenance_sweep", campaign=CAMPAIGN).error is None
    lived.ask("doctor", "--json")
    lived.ask("block", "check", "--all")
    lived.needles |= planted.token_of_panda(lived.stack)  # it may have been refreshed


def go_wrong(lived: Lived) -> None:
    """The same with secrets that nobody takes, and others besides."""
    own = lived.stack.layout.sandbox("panda") / "pathena" / ".token"
    with lived.instead(own, "a token for PanDA that is none", '{"id_token": "{}.{}.{}"}'):
        final = lived.production.final(lived.production.submit(lived.production.task()))
        assert final.msg_type == "prodtask_submit_failed"
    name = lived.production.task()
    lived.production.fault("reject", name=name, message="not you", code=10)
    assert lived.production.final(lived.production.submit(name)).payload["reason"]
    proxy = grid_access.certificates_of(lived.stack.settings) / "proxy-panda.pem"
    broken = "-----BEGIN CERTIFICATE-----\n{}\n-----BEGIN PRIVATE KEY-----\n{}\n"
    with lived.instead(proxy, "a proxy that is none", broken):
        assert lived.ran("fetch_payload_log", pandaid=lived.job()).state == "failed"
    password = grid_access.password_file(lived.stack.settings, grid_access.READER)
    with lived.instead(password, "a password that Rucio refuses", "{}"):
        assert lived.ran("campaign_provenance_sweep", campaign=CAMPAIGN).state == "failed"
    go_wrong_at_the_door(lived)
    wrong = {
        "PRODOPS_PREFECT_PASSWORD_FILE": f"admin:{lived.plant('a password that Prefect refuses')}",
        "PRODOPS_BUS_LOGIN_FILE": f"prodops:{lived.plant('a password that the bus refuses')}",
        "PRODOPS_PCS_TOKEN_FILE": lived.plant("a token that PCS refuses"),
    }
    files = {name: lived.file(name, content) for name, content in wrong.items()}
    lived.ask("doctor", "--json", **files)
    lived.ask("block", "check", "--all", **files)
    passfile = f"127.0.0.1:*:*:prodops_ops:{lived.plant('a password that the database refuses')}\n"
    lived.ask("request", "list", PRODOPS_DATABASE_PASSFILE=lived.file("pgpass", passfile))
    url = (
        f"json://user:{lived.plant('a password of a channel')}@127.0.0.1:1/{lived.plant('a hook')}"
    )
    lived.ask("notify", "channel", "add", "nowhere", "--kind", "apprise",
              "--url-file", lived.file("channel", url))  # fmt: skip
    lived.ask("notify", "test", "nowhere")


def go_wrong_at_the_door(lived: Lived) -> None:
    """What a stranger sends to the API, and a browser that signs in with a good token."""
    wrong = lived.plant("a token that the API does not know")
    authorization = {"Authorization": f"Token {wrong}"}
    with httpx.Client(base_url=lived.stack.api_url, timeout=60) as stranger:
        refused = stranger.post("/api/actions/check_pipeline/", headers=authorization, json={})
        assert refused.status_code == httpx.codes.UNAUTHORIZED
        stranger.get("/api/requests/", headers=authorization)
        stranger.post("/login/", data={"token": wrong})
        stranger.post("/login/", data={"token": lived.site.token})
        assert stranger.cookies
        lived.needles |= dict.fromkeys(stranger.cookies.values(), "a browser's session")
        stranger.get("/")


def show(lived: Lived) -> None:
    """Put into the open what the searches are to find."""
    site = lived.site
    message = {"msg_type": "greeting", "namespace": OPEN, "processed_by": OPEN, "text": OPEN}
    site.send(message).raise_for_status()
    site.ended(site.trigger("read_did", scope="epic", name=f"/{OPEN}"))
    log = {"name": OPEN, "level": 20, "message": OPEN, "timestamp": "2030-01-01T00:00:00Z"}
    site.prefect.post("/logs/", json=[log]).raise_for_status()
    site.ask("POST", "/artifacts/", key=OPEN, type="markdown", data=OPEN)
    (lived.stack.layout.logs / "open.log").write_text(OPEN)


def searched(lived: Lived, texts: dict[str, Any]) -> None:
    """See that no secret is in the texts, and that a search of them finds what is."""
    assert planted.standing_in(texts, SEEN)
    assert planted.standing_in(texts, lived.needles) == []


def homes(stack: Stack) -> set[Path]:
    """Where the secrets have their place: their own files, and the sandbox's servers'."""
    certificates = grid_access.certificates_of(stack.settings)
    return {
        stack.layout.secrets,
        certificates,
        stack.layout.sandbox("rucio"),
        stack.layout.sandbox("broker"),
        stack.layout.sandbox("panda") / "pathena" / ".token",
    }


def test_no_secret_is_in_a_file_beside_its_own(lived: Lived):
    stack = lived.stack
    assert in_files(stack.state_dir, SEEN, homes(stack))
    assert in_files(stack.state_dir, lived.needles, homes(stack)) == []
    # What is left out would show: the search finds each secret of the stack at home.
    assert in_files(stack.state_dir, lived.needles, [])


def test_no_secret_is_in_a_table(lived: Lived):
    found = in_tables(lived.stack, SEEN)
    assert {each.partition(" rows of ")[2].partition(":")[0] for each in found} == {
        "prodops", "prefect"
    }  # fmt: skip
    assert any("event" in each for each in found)
    assert any("flow_run" in each for each in found)
    assert in_tables(lived.stack, lived.needles) == []


def test_no_secret_is_in_an_event_of_the_stream(lived: Lived):
    searched(lived, {"the stream": planted.streamed(lived.site)})


def test_no_secret_is_on_a_page_or_in_an_answer(lived: Lived):
    browser = lived.site.api
    paths = planted.rest_paths(browser)
    found = planted.pages(browser, ["", *paths])
    assert len(found) > 60
    searched(lived, found)


def test_no_secret_is_known_to_prefect_s_users(lived: Lived):
    known = planted.known_to_prefect(lived.site)
    for kind in ("flow_runs", "logs", "artifacts"):
        assert OPEN in known[kind], kind
    searched(lived, known)


def test_no_secret_is_said_by_a_command(lived: Lived):
    assert all(text for text in lived.said.values())
    searched(lived, {**lived.said, "open": OPEN})


def test_no_secret_is_in_a_metric(lived: Lived):
    page = {"metrics": lived.site.api.get("/metrics").text}
    assert planted.standing_in(page, {"prodops_": "a metric"})
    assert planted.standing_in(page, lived.needles) == []


def test_no_secret_is_in_the_environment_or_command_of_a_process(lived: Lived):
    """But prun's: it takes its token so (decision 0024)."""
    shown = lived.watched.command_lines
    for part in ("api", "worker", "relay", "prefect", "bridge", "notifier"):
        assert any(f"deployments.cli {part}" in name for name in shown), part
    assert any("deployments.worker.guardian" in name for name in shown)
    command = [sys.executable, "-S", "-c", "import time; time.sleep(600)", OPEN]
    with subprocess.Popen(command, env={"PATH": os.environ["PATH"], "A": OPEN}) as process:
        control = planted.Watched(os.getpid())
        wait_until(lambda: control.look() or planted.standing_in(control.environments, SEEN))
        assert planted.standing_in(control.command_lines, SEEN)
        process.kill()
    assert planted.standing_in(shown, lived.needles) == []
    found = planted.standing_in(lived.watched.environments, lived.needles)
    of_prun = [each for each in found if each.startswith("id_token of PanDA")]
    assert any("prun" in each for each in of_prun), found  # it was watched while it ran
    assert [each for each in of_prun if "deployments." in each] == []
    assert [each for each in found if each not in of_prun] == []


def largest_core(process: psutil.Process) -> float:
    """The hard limit of its core dumps, in bytes; 0: it has just ended."""
    with suppress(FileNotFoundError, ProcessLookupError):
        limits = Path(f"/proc/{process.pid}/limits").read_text()
        (line,) = [each for each in limits.splitlines() if each.startswith("Max core file size")]
        return float(line.split()[5].replace("unlimited", "inf"))
    return 0


def test_a_run_that_is_aborted_leaves_no_core_with_secrets(lived: Lived, tmp_path: Path):
    site = lived.site
    say = f"import os; a = {OPEN[:12]!r} + {OPEN[12:]!r}; os.abort()"

    def allow() -> None:
        resource.setrlimit(resource.RLIMIT_CORE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))

    with lived.grid.stalled("door"):
        request_id = site.trigger("fetch_payload_log", pandaid=lived.job(), force=True)
        for run in wait_until(site.runs):
            assert largest_core(run) <= 1
            run.send_signal(signal.SIGABRT)
            wait_until(lambda run=run: not run.is_running())
    site.ended(request_id)
    whole = psutil.Process(lived.stack.pid("supervisord")).children(recursive=True)
    assert len(whole) > 10
    assert [each for each in whole if largest_core(each) > 1] == []
    assert [path for path in lived.stack.state_dir.rglob("core*") if path.is_file()] == []
    if Path("/proc/sys/kernel/core_pattern").read_text()[0] in "|/@":
        return  # no core file would be written here in any case
    subprocess.run([sys.executable, "-c", say], cwd=tmp_path, preexec_fn=allow, check=False)
    assert in_files(tmp_path, SEEN, [])
