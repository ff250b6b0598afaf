"""Whatever is wrong where a command is started: one line that names it, and exit 2."""

from __future__ import annotations

import errno
import os
import pwd
import socket
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from deployments import cli, web
from deployments.os_user import user_name
from deployments.stack.environment import Zone, api_url, environment_of
from deployments.stack.temporary import temporary_environment
from flows.common.settings import BadSetting, settings
from flows.common.settings.tree import load
from tests.cases import same

EVERY = [
    ["up"], ["up", "--detach"], ["down"], ["status"], ["logs"], ["postgres"], ["prefect"], ["api"],
    ["worker"], ["relay"], ["notifier"], ["scanner", "--once"], ["panda"], ["migrate"],
    ["run", "check_pipeline"], ["run", "check_pipeline", "--local"], ["logs-of", "7"],
    ["request", "list"], ["token", "list"], ["token", "create", "anna"], ["task", "list"],
    ["provenance", "show", "--campaign", "26.02.0"], ["fastmon", "status"], ["sandbox", "up"],
    ["sandbox", "status"], ["sandbox", "down"], ["testbed", "run"], ["testbed", "status"],
    ["testbed", "start"], ["testbed", "stop"], ["testbed", "controller"],
]  # fmt: skip
KINDS = [["up"], ["api"], ["run", "check_pipeline"], ["task", "list"], ["testbed", "run"]]
KINDS_THEN_EVERY = [
    each if each in KINDS else pytest.param(each, marks=pytest.mark.slow) for each in EVERY
]
STARTS = [["up"], ["up", "--detach"], ["postgres"], ["prefect"], ["panda"], ["sandbox", "up"]]


@pytest.fixture(autouse=True)
def surroundings(tmp_path, monkeypatch):
    """A directory without a .env, a state directory and ports of this test's own."""
    monkeypatch.chdir(tmp_path)
    own = {"PRODOPS_STATE_DIR": str(tmp_path / "state")}
    for name, value in temporary_environment(own).items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr("deployments.logs.configure_logging", lambda *_: None)  # it is for good
    for name in ("PGTZ", "http_proxy", "HTTP_PROXY", "no_proxy", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)  # as it is now, again afterwards
    return tmp_path


@pytest.fixture
def refused(monkeypatch, capsys):
    """Runs a command that must be refused; gives its one line."""

    def run(*words: str) -> str:
        monkeypatch.setattr(sys, "argv", ["prodops", *words])
        settings.cache_clear()
        with pytest.raises(SystemExit) as ended:
            cli.main()
        said = capsys.readouterr().err
        assert (ended.value.code, said.count("\n")) == (2, 1), said
        return said

    return run


def ids(words: list[str]) -> str:
    return " ".join(words)


@pytest.mark.parametrize("command", KINDS_THEN_EVERY, ids=ids)
def test_an_env_file_that_is_no_utf_8(refused, surroundings, command):
    (surroundings / ".env").write_bytes("A=b\nPRODOPS_WORKER_NAME=Žofie\n".encode("latin2"))
    assert "line 2 is no UTF-8" in refused(*command)


@pytest.mark.parametrize("command", KINDS_THEN_EVERY, ids=ids)
def test_a_user_without_a_home(refused, monkeypatch, command):
    monkeypatch.setattr(pwd, "getpwuid", nobody)
    monkeypatch.delenv("HOME")
    monkeypatch.delenv("PRODOPS_STATE_DIR")
    assert "PRODOPS_STATE_DIR" in refused(*command)


def nobody(number: int) -> pwd.struct_passwd:
    raise KeyError(f"getpwuid(): uid not found: {number}")


@pytest.mark.parametrize("home", ["", "home", "~"])
def test_a_home_that_is_no_absolute_path(refused, monkeypatch, home):
    monkeypatch.setenv("HOME", home)
    monkeypatch.delenv("PRODOPS_STATE_DIR")
    assert "HOME" in refused("up")


def test_the_home_does_not_matter_where_no_path_begins_there(monkeypatch):
    monkeypatch.setattr(pwd, "getpwuid", nobody)
    monkeypatch.delenv("HOME")
    monkeypatch.setenv("PRODOPS_PANDA_CONFIG_ROOT", "/var/lib/pathena")
    assert load().stack.state_dir.name == "state"
    assert environment_of(Zone.WEB, load(), {})["HOME"] == str(load().stack.state_dir)
    assert user_name() == f"uid{os.geteuid()}"


@pytest.mark.parametrize("name", ["PRODOPS_API_PORT", "X509_USER_PROXY", "FASTMON_WATCH_DIRS"])
def test_a_variable_that_expands_to_nothing(refused, surroundings, name):
    (surroundings / ".env").write_text(f"{name}=/tmp/x_u${{NEVER_EXPORTED}}\n")
    said = refused("status")
    assert f"setting {name}=/tmp/x_u${{NEVER_EXPORTED}}: ${{NEVER_EXPORTED}} is not set" in said


def test_one_that_expands_or_has_a_default_is_good(surroundings, monkeypatch):
    monkeypatch.setenv("NUMBER", "7")
    (surroundings / ".env").write_text(
        "OWN=3\nPRODOPS_API_PORT=81${NUMBER}${OWN}\nPRODOPS_WORKER_NAME=w${ABSENT:-}\n"
    )
    monkeypatch.delenv("PRODOPS_API_PORT")
    assert (load().api.port, load().worker.name) == (8173, "w")


@pytest.mark.parametrize("text", ["PRODOPS_WORKER_NAME=a\0b\n", "PRODOPS_NO_SUCH=1\n"])
def test_an_env_file_with_what_no_setting_can_be(refused, surroundings, text):
    (surroundings / ".env").write_text(text)
    assert "PRODOPS_" in refused("status")


@pytest.mark.parametrize("command", STARTS, ids=ids)
def test_a_state_directory_that_is_a_file(refused, surroundings, command):
    (surroundings / "state").write_text("")
    assert "PRODOPS_STATE_DIR" in refused(*command)


@pytest.mark.parametrize("command", same(*STARTS), ids=ids)
@pytest.mark.parametrize("state_dir", ["/proc/prodops", "/dev/null/prodops", "/sys/prodops"])
def test_a_state_directory_that_nobody_can_make(refused, monkeypatch, command, state_dir):
    monkeypatch.setenv("PRODOPS_STATE_DIR", state_dir)
    assert f"the state directory {state_dir} cannot be used" in refused(*command)


@pytest.mark.parametrize("command", same(*STARTS), ids=ids)
@pytest.mark.parametrize("home", ["/proc", "/sys", "/dev/null", "/nobody/made"])
def test_a_home_in_which_nothing_can_be_made(refused, monkeypatch, command, home):
    monkeypatch.setattr("pathlib.Path.mkdir", read_only("/nobody", Path.mkdir))
    monkeypatch.setenv("HOME", home)
    monkeypatch.delenv("PRODOPS_STATE_DIR")
    said = refused(*command)
    assert f"the state directory {home}/" in said
    assert "set PRODOPS_STATE_DIR to another one" in said


def read_only(top: str, mkdir: Callable[..., None]) -> Callable[..., None]:
    """Makes directories, but none below `top`: as root, only so can a file system be read-only."""

    def make(path: Path, *words: Any, **more: Any) -> None:
        if path.is_relative_to(top):
            raise OSError(errno.EROFS, os.strerror(errno.EROFS), str(path))
        mkdir(path, *words, **more)

    return make


@pytest.mark.parametrize("command", [["api"], ["prefect"], ["panda"]], ids=ids)
def test_a_port_that_is_taken(refused, monkeypatch, command):
    names = ("PRODOPS_API_PORT", "PRODOPS_PREFECT_PORT", "PRODOPS_SANDBOX_PANDA_PORT")
    monkeypatch.setattr(web, "await_schema", lambda: None)
    monkeypatch.setattr(web, "create_app", lambda _: None)
    with socket.create_server(("127.0.0.1", 0)) as other:
        for name in names:
            monkeypatch.setenv(name, str(other.getsockname()[1]))
        said = refused(*command)
    assert any(f"set {name} to another port" in said for name in names)


@pytest.mark.parametrize("command", KINDS_THEN_EVERY, ids=ids)
def test_a_proxy_that_not_every_part_could_use(refused, monkeypatch, command):
    monkeypatch.setenv("ALL_PROXY", "socks5://proxy:1080")
    assert "setting ALL_PROXY=socks5://proxy:1080" in refused(*command)


# ------------------------------------------------------------------ IPv6


@pytest.mark.parametrize(
    ("host", "url", "is_loopback"),
    [
        ("::", "http://127.0.0.1:8002", False), ("::1", "http://[::1]:8002", True),
        ("[::1]", "http://[::1]:8002", True),
        ("0:0:0:0:0:0:0:1", "http://[0:0:0:0:0:0:0:1]:8002", True),
        ("127.0.0.2", "http://127.0.0.2:8002", True), ("192.0.2.1", "http://192.0.2.1:8002", False),
        ("fd00::7", "http://[fd00::7]:8002", False), ("localhost", "http://localhost:8002", True),
    ],
)  # fmt: skip
def test_an_address_of_either_kind(monkeypatch, host, url, is_loopback):
    monkeypatch.setenv("PRODOPS_API_HOST", host)
    monkeypatch.setenv("PRODOPS_API_PORT", "8002")
    found = load()
    assert (api_url(found), found.api.is_loopback) == (url, is_loopback)


@pytest.mark.parametrize(("host", "reached"), [("::", {4, 6}), ("::1", {6}), ("127.0.0.1", {4})])
def test_all_of_ipv6_takes_ipv4_too(host, reached):
    if not Path("/proc/net/if_inet6").exists() or not Path("/proc/net/if_inet6").read_text():
        pytest.skip("this machine has no IPv6")
    with socket.create_server(("127.0.0.1", 0)) as found:
        port = found.getsockname()[1]
    with web.listening_socket(host, port) as listener:
        listener.listen()
        assert {kind for kind, to in ((4, "127.0.0.1"), (6, "::1")) if answers(to, port)} == reached


def answers(address: str, port: int) -> bool:
    try:
        socket.create_connection((address, port), 5).close()
    except ConnectionRefusedError:
        return False
    return True


def test_an_address_of_another_machine(monkeypatch):
    with pytest.raises(BadSetting, match="PRODOPS_API_PORT"):
        web.listening_socket("192.0.2.1", 18002)
