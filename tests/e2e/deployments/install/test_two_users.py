"""Two real users: what the web tier's user finds on a machine where everything runs."""

from __future__ import annotations

import os
import pwd
import signal
import stat
from contextlib import suppress
from pathlib import Path

import httpx
import pytest
from websockets.exceptions import WebSocketException
from websockets.sync.client import connect

from deployments.stack.credentials import PREFECT_ROLE
from flows.common import directories
from tests.support.installation import Installation, as_user
from tests.waiting import PATIENCE, wait_until

pytestmark = [pytest.mark.e2e, pytest.mark.slow, pytest.mark.xdist_group("install")]

OPEN_ROUTES = {"/health", "/ready"}
SOCKETS = ("/events/in", "/events/out", "/logs/out", "/task_runs/subscriptions/scheduled")


def openable(places: list[Path]) -> tuple[set[str], set[str]]:
    """The files below these places that this user can read, and those that it can write."""
    readable, writable = set(), set()
    for place in places:
        for directory, _, names in os.walk(place, followlinks=False):
            for path in (Path(directory) / name for name in names):
                for found, flags in ((readable, os.O_RDONLY), (writable, os.O_WRONLY)):
                    try:
                        os.close(os.open(path, flags | os.O_NONBLOCK | os.O_NOFOLLOW))
                    except OSError:
                        continue
                    found.add(str(path))
    return readable, writable


def everything(running: Installation) -> list[Path]:
    places = running.places
    return [places.etc, places.units, places.ops_state, places.web_state, places.public]


def test_the_web_user_reads_its_own_and_what_is_public_and_writes_only_its_state(
    running: Installation,
):
    places = running.places
    own = {places.web_env, places.web_passfile, places.cookie_key}
    units = set(places.units.glob("prodops*"))
    readable, writable = as_user(running.web_user, lambda: openable(everything(running)))
    state = {str(path) for path in places.web_state.rglob("*") if path.is_file()}
    assert readable == {*map(str, own | units), str(places.manifest), *state}
    assert writable == {*map(str, own), *state}


@pytest.mark.parametrize("place", ["/tmp", "/var/tmp", "/dev/shm"])
def test_what_the_operations_side_leaves_where_all_write_is_its_own(
    running: Installation, place: str
):
    ops = pwd.getpwnam(running.ops_user).pw_uid
    prefix = os.fspath(running.places.prefix)
    readable, writable = as_user(running.web_user, lambda: openable([Path(place)]))
    found = {path for path in readable | writable if not path.startswith(prefix)}
    assert [path for path in found if Path(path).lstat().st_uid == ops] == []


def test_no_secret_is_readable_or_named_in_what_is(running: Installation):
    places = running.places
    secrets = [
        word
        for path in (
            places.ops_passfile,
            places.prefect_password,
            places.pcs_token,
            places.canary_token,
        )
        for line in path.read_text().splitlines()
        for word in [line.rpartition(":")[2]]
    ]
    readable, _ = as_user(running.web_user, lambda: openable(everything(running)))
    said = b"".join(Path(path).read_bytes() for path in readable)
    said += b"".join(path.read_bytes() for path in places.prefix.glob("*.log"))
    assert len(secrets) == 5
    assert not [secret for secret in secrets if secret.encode() in said]


def test_directories_of_the_operations_side_are_not_even_listed(running: Installation):
    for path in (running.places.ops_etc, running.places.ops_state):
        with pytest.raises(AssertionError, match="PermissionError"):
            as_user(running.web_user, lambda path=path: [*path.iterdir()])


def looks_into(pid: int) -> list[str]:
    """What this user can read of a process that would hold secrets."""
    found = []
    for name in ("environ", "mem", "maps", "fd", "cwd", "root"):
        path = Path(f"/proc/{pid}/{name}")
        try:
            [*path.iterdir()] if name == "fd" else path.open("rb").read(1)
        except (PermissionError, ProcessLookupError):
            continue
        found.append(name)
    return found


@pytest.mark.parametrize("part", ["worker", "relay", "prefect"])
def test_processes_of_the_operations_side_show_nothing(running: Installation, part: str):
    process = running.processes[part]
    shown = as_user(running.web_user, lambda: Path(f"/proc/{process.pid}/cmdline").read_bytes())
    assert b"prodops" in shown
    assert running.places.prefect_password.read_text().partition(":")[2].encode() not in shown
    assert as_user(running.web_user, lambda: looks_into(process.pid)) == []
    with pytest.raises(AssertionError, match="PermissionError"):
        as_user(running.web_user, lambda: os.kill(process.pid, signal.SIGTERM))


def secret_words(running: Installation) -> list[bytes]:
    places = running.places
    passwords = [line.rpartition(":")[2] for line in places.ops_passfile.read_text().split()]
    prefect = places.prefect_password.read_text().partition(":")[2]
    return [word.encode() for word in (*passwords, prefect, places.pcs_token.read_text())]


def processes_of(name: str) -> list[int]:
    uid, found = pwd.getpwnam(name).pw_uid, []
    for path in Path("/proc").glob("[0-9]*"):
        with suppress(FileNotFoundError):
            if path.stat().st_uid == uid:
                found.append(int(path.name))
    return found


def test_no_secret_is_in_a_command_line_and_no_environment_is_shown(running: Installation):
    """Of every process, also of those that the parts have started."""
    of_parts = len(running.processes) - 1  # the worker has some of its own
    wait_until(lambda: len(processes_of(running.ops_user)) > of_parts)
    pids = processes_of(running.ops_user)
    said = b""
    for pid in pids:
        with suppress(FileNotFoundError, ProcessLookupError):
            said += Path(f"/proc/{pid}/cmdline").read_bytes()
    assert b"prodops" in said
    assert not [word for word in secret_words(running) if word in said]
    shown = as_user(running.web_user, lambda: [looks_into(pid) for pid in pids])
    assert not any(shown)


def test_nobody_dumps_core_where_secrets_would_be(running: Installation):
    for part in running.processes:
        unit = (running.places.units / f"prodops-{part}.service").read_text()
        assert "\nLimitCORE=1\n" in unit


def test_prefect_answers_the_web_user_nothing_without_its_password(running: Installation):
    server = f"http://127.0.0.1:{running.prefect_port}"

    def asks() -> dict[str, int]:
        with httpx.Client(base_url=server, timeout=PATIENCE) as client:
            paths = client.get("/openapi.json").json()["paths"]
            return {
                f"{method} {path}": client.request(method, f"/api{path}", json={}).status_code
                for path, methods in paths.items()
                for method in methods
            }

    answers = as_user(running.web_user, asks)
    assert len(answers) > 100
    answered = {route for route, status in answers.items() if status != 401}
    assert {route.partition(" ")[2] for route in answered} <= OPEN_ROUTES


@pytest.mark.parametrize("path", SOCKETS)
def test_no_socket_of_prefect_s_takes_the_web_user(running: Installation, path: str):
    url = f"ws://127.0.0.1:{running.prefect_port}/api{path}"

    def asks() -> str:
        try:
            with connect(url, subprotocols=["prefect"]) as socket:
                socket.send('{"type": "auth", "token": "wrong"}')
                return str(socket.recv(timeout=PATIENCE))
        except WebSocketException as error:
            return f"refused: {error}"

    assert as_user(running.web_user, asks).startswith("refused")


def test_the_web_user_has_no_password_of_the_database_but_its_own(running: Installation):
    words = running.places.web_passfile.read_text().split()
    assert len(words) == 1
    assert ":prodops_web:" in words[0]
    assert PREFECT_ROLE not in words[0].split(":")


def test_what_the_operations_side_publishes_later_is_readable(running: Installation):
    directory = running.places.public / "panda-logs/1/2"

    def publishes() -> None:
        os.umask(0o077)  # as the units have it
        directories.make_directories(directory, 0o755)
        directories.write_file(directory / "payload.stdout", "hello")

    as_user(running.ops_user, publishes)
    path = directory / "payload.stdout"
    assert as_user(running.web_user, path.read_text) == "hello"
    for changes in (path.unlink, lambda: path.write_text("x"), directory.rmdir):
        with pytest.raises(AssertionError, match="PermissionError"):
            as_user(running.web_user, changes)


def test_each_secret_is_its_owners_alone(running: Installation):
    places, ops, web = running.places, running.ops_user, running.web_user
    for path, owner in {
        places.ops_env: ops, places.ops_passfile: ops, places.prefect_password: ops,
        places.pcs_token: ops, places.canary_token: ops, places.web_env: web,
        places.web_passfile: web,
        places.cookie_key: web,
    }.items():  # fmt: skip
        status = path.lstat()
        assert (stat.S_IMODE(status.st_mode), status.st_uid) == (0o600, pwd.getpwnam(owner).pw_uid)
        assert path.parent.stat().st_uid == 0


def test_a_request_runs_from_the_web_tier_to_its_end(running: Installation):
    done = running.ops("run", "check_pipeline", "--wait")
    assert done.returncode == 0, done.stdout + done.stderr
