"""`prodops logs-of`: what it asks for, what it prints, and with which exit code it ends."""

from __future__ import annotations

import json
import queue
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import unquote, urlsplit

import pytest
import typer
from typer.testing import CliRunner, Result

from blocks.monitor_api import StreamEvent
from blocks.monitor_api.actions import ActionState
from blocks.monitor_api.payload_logs import PayloadLogState
from deployments.cli.payload_logs import command, waiting
from deployments.cli.payload_logs.terminal import harmless
from deployments.cli.payload_logs.waiting import FetchEvent, Outcome, result_of
from flows.common.claims import Claim
from flows.payload_logs import messages
from flows.payload_logs.models import Step
from tests.fake_monitor import frame

JOB = 1001
LOGS = "/api/payload-logs/"
STREAM = "/api/messages/stream/"
END = b""
BODIES = {"payload.stdout": b"out\n", "payload.stderr": b"", "pilotlog.txt": b"p\xff\x1b[2J\n"}
TEXT = (
    b"===== payload.stdout =====\nout\n\n===== payload.stderr =====\n\n"
    b"===== pilotlog.txt =====\np\xff\x1b[2J\n\n"
)


@dataclass
class FakeLogs:
    """A monitor with one job's log; `on_ask` is what the ops side does when it is asked for."""

    url: str = ""
    log: dict[str, Any] | None = None
    request: dict[str, Any] = field(default_factory=lambda: {"id": 7, "state": "queued"})
    bodies: dict[str, bytes] = field(default_factory=dict)
    on_ask: Callable[[], None] = lambda: None
    asked: list[tuple[str, str, Any]] = field(default_factory=list)
    listeners: list[queue.SimpleQueue[bytes]] = field(default_factory=list)

    def put(self, **fields: Any) -> None:
        self.bodies = dict(BODIES)
        members = [{"name": name, "size_bytes": len(body)} for name, body in BODIES.items()]
        ready = {"pandaid": JOB, "state": "ready", "is_cached": True, "version": "v1"}
        self.log = {**ready, "members": members, **fields}

    def end(self, state: str, event: FetchEvent, **fields: Any) -> None:
        self.request["state"] = state
        self.request["error"] = fields.get("reason")
        self.tell(event, **fields)

    def tell(self, event: FetchEvent, **fields: Any) -> None:
        for listener in self.listeners:
            listener.put(frame(event, {"msg_type": event, "pandaid": str(JOB), **fields}))


@contextmanager
def serving() -> Iterator[FakeLogs]:
    fake = FakeLogs()
    handler = type("Handler", (_Handler,), {"fake": fake})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    server.daemon_threads = True
    fake.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    try:
        yield fake
    finally:
        for listener in fake.listeners:
            listener.put(END)
        server.shutdown()
        server.server_close()
        thread.join()


class _Handler(BaseHTTPRequestHandler):
    fake: FakeLogs
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def log_message(self, *_: object) -> None:
        pass

    def do_GET(self) -> None:
        path = urlsplit(self.path).path
        self.fake.asked.append(("GET", path, None))
        if path == STREAM:
            self._stream()
        elif path == f"{LOGS}{JOB}/" and self.fake.log is not None:
            self._answer(200, self.fake.log)
        elif path.startswith("/api/requests/"):
            self._answer(200, self.fake.request)
        elif (name := unquote(path.rpartition("/")[2])) in self.fake.bodies:
            self._answer(200, self.fake.bodies[name])
        else:
            self._answer(404, {"detail": "not there"})

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.fake.asked.append(("POST", self.path, body))
        if self.headers.get("Authorization") != "Token good":
            self._answer(401, {"detail": "Invalid token."})
            return
        self._answer(202, {"request_id": 7, "state": self.fake.request["state"]})
        self.fake.on_ask()

    def _answer(self, status: int, body: object) -> None:
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def _stream(self) -> None:
        self.close_connection = True
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.end_headers()
        mine: queue.SimpleQueue[bytes] = queue.SimpleQueue()
        self.fake.listeners.append(mine)
        mine.put(frame("connected", {"status": "connected"}))
        while (chunk := mine.get()) != END:
            self.wfile.write(chunk)


@pytest.fixture
def monitor() -> Iterator[FakeLogs]:
    with serving() as fake:
        yield fake


app = typer.Typer()
app.command()(command.print_log)


def run(monitor: FakeLogs, *words: str, token: str | None = "good") -> Result:
    identity = [] if token is None else ["-t", token]
    return CliRunner().invoke(app, [str(JOB), "-m", monitor.url, *identity, *words])


def posts(monitor: FakeLogs) -> list[Any]:
    return [body for method, _, body in monitor.asked if method == "POST"]


# ------------------------------------------------------------------ what is there


def test_a_log_that_is_there_is_printed_as_the_text_page_does_without_asking(monitor):
    monitor.put()
    result = run(monitor, token=None)
    assert (result.exit_code, result.stdout_bytes, posts(monitor)) == (0, TEXT, [])
    assert result.stderr == ""


def test_chosen_members_come_without_headers_in_the_order_chosen(monitor):
    monitor.put()
    result = run(monitor, "--member", "pilotlog.txt", "--member", "payload.stdout")
    assert result.stdout_bytes == b"p\xff\x1b[2J\nout\n"


def test_a_member_that_is_not_there_ends_with_3_and_names_those_that_are(monitor):
    monitor.put()
    result = run(monitor, "--member", "core")
    assert result.exit_code == 3
    assert "no 'core'; it has payload.stdout, payload.stderr, pilotlog.txt" in result.stderr


def test_an_empty_log_says_so(monitor):
    monitor.put(members=[])
    assert run(monitor).stdout == "(log cached but empty)\n"


@pytest.mark.parametrize(
    ("chunks", "shown"),
    [
        ([b"a\x1b[2J", b"\xc3", b"\xa9\tb\n\xff"], "aé\tb\n\ufffd"),
        ([b"\x1b[3", b"1mERR\x1b[0mOR\n"], "ERROR\n"),
        ([b"\x1b]0;title\x07a\x1b]8;;x\x1b\\b"], "ab"),
        ([b"\x1b]0;no end ERROR\nnext\x07"], "0;no end ERROR\nnext"),
        ([b"10 %\r20 %\rdone\r\n"], "10 %\n20 %\ndone\n"),
        ([b"x" * 2_000_000, b"\x1b[1my"], "x" * 2_000_000 + "y"),
    ],
)
def test_a_terminal_gets_the_words_of_a_payload_and_nothing_that_steers_it(chunks, shown):
    assert b"".join(harmless(chunks)).decode() == shown


def test_what_is_not_shown_is_said_on_stderr_and_a_zip_is_not_printed(monitor):
    monitor.put(
        binaries=["oversized_files.zip"],
        remarks=["payload.stderr is a link out of the archive, to /x", "not shown: core.1"],
    )
    monitor.log["members"].append({"name": "oversized_files.zip", "size_bytes": 2})
    monitor.bodies["oversized_files.zip"] = b"PK"
    result = run(monitor)
    assert result.exit_code == 0
    assert b"PK" not in result.stdout_bytes
    assert b"(a zip of 2 bytes: --output writes it)" in result.stdout_bytes
    assert f"job {JOB}: payload.stderr is a link out of the archive" in result.stderr
    assert f"job {JOB}: not shown: core.1" in result.stderr
    one = run(monitor, "--member", "oversized_files.zip")
    assert one.stdout_bytes == b"PK"


def test_output_writes_each_member_and_prints_its_path(monitor, tmp_path):
    monitor.put()
    result = run(monitor, "--output", str(tmp_path / "new"))
    assert {path.name: path.read_bytes() for path in (tmp_path / "new").iterdir()} == BODIES
    assert result.stdout.splitlines() == [str(tmp_path / "new" / name) for name in BODIES]


def test_no_name_of_a_monitor_leads_out_of_the_directory(monitor, tmp_path):
    monitor.put(members=[{"name": "../evil", "size_bytes": 1}])
    result = run(monitor, "--output", str(tmp_path / "new"))
    assert result.exit_code == 7
    assert "'../evil', which is not written" in result.stderr
    assert list(tmp_path.rglob("*evil*")) == []


def test_a_directory_that_cannot_be_written_is_a_wrong_usage(monitor, tmp_path):
    monitor.put()
    (tmp_path / "file").write_text("")
    assert run(monitor, "--output", str(tmp_path / "file")).exit_code == 2


def test_json_describes_the_log_and_prints_nothing_of_it(monitor):
    monitor.put(rse="EIC-XRD")
    shown = json.loads(run(monitor, "--json").stdout)
    assert (shown["pandaid"], shown["outcome"], shown["log"]["rse"]) == (JOB, "ready", "EIC-XRD")


# ------------------------------------------------------------------ what has to be fetched


def test_a_log_that_is_not_there_is_asked_for_and_printed_when_it_comes(monitor):
    def fetch() -> None:
        monitor.tell(FetchEvent.PROGRESS, step_number=3, text="copying")
        monitor.put()
        monitor.end("completed", FetchEvent.READY)

    monitor.on_ask = fetch
    result = run(monitor)
    assert (result.exit_code, result.stdout_bytes) == (0, TEXT)
    assert posts(monitor) == [{"pandaid": JOB, "force": False}]
    assert [path for _, path, _ in monitor.asked].index(STREAM) < len(monitor.asked) - 2


def test_the_stream_is_open_before_the_log_is_asked_for(monitor):
    monitor.on_ask = lambda: monitor.end("failed", FetchEvent.FAILED, reason="no")
    run(monitor)
    order = [path for _, path, _ in monitor.asked]
    assert order.index(STREAM) < order.index(LOGS)


def test_force_fetches_anew_what_is_there(monitor):
    monitor.put()
    monitor.on_ask = lambda: monitor.end("completed", FetchEvent.READY)
    assert run(monitor, "--force").exit_code == 0
    assert posts(monitor) == [{"pandaid": JOB, "force": True}]


def test_a_fetch_that_failed_ends_with_5_and_the_reason(monitor):
    monitor.on_ask = lambda: monitor.end("failed", FetchEvent.FAILED, reason="EIC-XRD: closed")
    result = run(monitor, "--follow")
    assert (result.exit_code, result.stdout) == (5, "")
    assert result.stderr == f"prodops: job {JOB}: EIC-XRD: closed\n"


def test_a_forced_fetch_that_failed_prints_no_older_log(monitor):
    monitor.put(state="failed", request_id=7)
    monitor.on_ask = lambda: monitor.end("failed", FetchEvent.FAILED, reason="truncated")
    result = run(monitor, "--force")
    assert (result.exit_code, result.stdout) == (5, "")


@pytest.mark.parametrize("state", ["no_job", "no_log"])
def test_what_panda_does_not_know_ends_with_3(monitor, state):
    def end() -> None:
        monitor.log = {"pandaid": JOB, "state": state, "request_id": 7, "last_error": "none"}
        monitor.end("failed", FetchEvent.FAILED, reason=f"job {JOB}: none")

    monitor.on_ask = end
    result = run(monitor, "--json")
    assert (result.exit_code, json.loads(result.stdout)["outcome"]) == (3, state)


def test_what_failed_too_often_is_not_asked_for_without_force(monitor):
    monitor.log = {
        "pandaid": JOB, "state": "failed", "attempts": 3, "max_attempts": 3, "last_error": "closed",
    }  # fmt: skip
    result = run(monitor)
    assert (result.exit_code, posts(monitor)) == (5, [])
    assert "closed (3 attempts failed; --force tries again)" in result.stderr


def test_a_wait_that_is_over_too_early_ends_with_6_and_says_that_the_fetch_goes_on(monitor):
    result = run(monitor, "--timeout", "0.3")
    assert result.exit_code == 6
    assert "request 7 has not ended after" in result.stderr


def test_without_waiting_it_is_asked_for_and_ends_with_6_at_once(monitor):
    result = run(monitor, "--no-wait")
    assert (result.exit_code, "request 7 is queued" in result.stderr) == (6, True)
    assert monitor.listeners == []


def test_an_event_that_never_came_is_no_loss(monitor, monkeypatch):
    monkeypatch.setattr(waiting, "_LOOK_SECONDS", 0.05)

    def end() -> None:
        monitor.put()
        monitor.request["state"] = "completed"

    monitor.on_ask = end
    assert run(monitor).exit_code == 0


def test_ctrl_c_ends_with_130_and_says_that_the_fetch_goes_on(monitor, monkeypatch):
    def interrupt(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(waiting, "follow", interrupt)
    result = run(monitor)
    assert (result.exit_code, "the fetch goes on" in result.stderr) == (130, True)


# ------------------------------------------------------------------ wrong words, nobody there


@pytest.mark.parametrize("name", ["abc", "0", "-1", "1.5", "9" * 30])
def test_what_is_no_job_id_is_a_wrong_usage_that_names_it(name):
    result = CliRunner().invoke(app, ["--", name])
    assert (result.exit_code, name in result.stderr) == (2, True)


def test_without_a_token_nothing_is_asked_for(monitor):
    result = run(monitor, token=None)
    assert (result.exit_code, posts(monitor)) == (7, [])
    assert "SWF_API_TOKEN" in result.stderr


def test_a_bad_token_ends_with_7(monitor):
    assert run(monitor, token="bad").exit_code == 7


def test_nobody_at_the_address_ends_with_7_and_one_line():
    result = CliRunner().invoke(app, [str(JOB), "-m", "http://127.0.0.1:1", "-t", "x"])
    assert result.exit_code == 7
    assert len(result.stderr.splitlines()) == 1


def test_the_help_names_the_exit_codes():
    text = " ".join(CliRunner().invoke(app, ["--help"]).stdout.replace("│", " ").split())
    assert "5 the fetch failed" in text
    assert "7 not reachable" in text


# ------------------------------------------------------------------ judging


def test_the_events_are_those_that_the_flow_has():
    assert set(FetchEvent) == {messages.PROGRESS, messages.READY, messages.FAILED}


def test_the_steps_are_as_many_as_the_event_says():
    sent = messages.progress(JOB, None, Step.COPY, "copying\x1b[2J", Claim(1, 1, None))
    told = json.loads(sent.payload)
    assert step_text(told) == f"step 3 of {len(Step)}: copying\ufffd[2J"
    assert step_text(told | {"steps": 9}) == "step 3 of 9: copying\ufffd[2J"
    assert step_text({"step_number": 3, "text": "copying"}) == "step 3: copying"


def step_text(told: dict[str, Any]) -> str:
    return waiting.step_text(StreamEvent(1, FetchEvent.PROGRESS, told))


def test_a_log_that_left_the_cache_meanwhile_is_a_failure():
    log = PayloadLogState(pandaid=JOB, state="pruned")
    found = result_of(log, ActionState(id=7, state="completed"))
    assert (found.outcome, found.reason) == (Outcome.FAILED, "the log has left the cache")
