"""The production guide, followed as root: its commands in their order, and its proxy.

Differs from the page: everything is below a prefix, with users, ports and a PostgreSQL of its own,
and there is no systemd. For `systemctl`, `start` runs a unit's ExecStart as its user with its
EnvironmentFile; the units' sandbox is not tried here.
"""

from __future__ import annotations

import os
import pwd
import re
import shlex
import ssl
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import pytest

from deployments.install.places import Places
from tests.nginx_proxy import require_nginx
from tests.support.bare_postgres import bare_postgres
from tests.support.documented_proxy import GUIDE, PASSWORD, USER, documented_proxy
from tests.support.installation import Installation, everyones_environment, prepared, read_unit
from tests.waiting import PATIENCE, wait_until

pytestmark = [pytest.mark.e2e, pytest.mark.slow, pytest.mark.xdist_group("install")]

BLOCK = re.compile(r"^```bash\n(.*?)^```$", re.MULTILINE | re.DOTALL)
PATHS = re.compile(r"(?<![\w.])(?=/(?:etc/prodops|var/lib/prodops|var/backups/prodops))")
OWNER = re.compile(r"(?<=-[uo] )prodops(-web)?\b")
REFUSED = httpx.codes.UNAUTHORIZED


def commands(page: str) -> list[str]:
    """Each command of the page's blocks."""
    return [line for block in BLOCK.findall(page) for line in block.splitlines()]


@dataclass
class Reader:
    """Who follows the page.

    Attributes:
        site: What is installed.
        said: What each command printed, by the command.
        functions: Shell functions that the page has defined.
    """

    site: Installation
    said: dict[str, str] = field(default_factory=dict)
    functions: list[str] = field(default_factory=list)

    def follow(self, page: str) -> None:
        """Do what the page says, until it says no more."""
        for command in commands(page):
            if "() {" in command:
                self.functions.append(self.here(command))
            elif command.startswith(("systemctl", "journalctl")):
                self.systemd(*shlex.split(command, comments=True))
            else:
                self.shell(command)

    def here(self, command: str) -> str:
        """The command with this installation's paths and users."""
        users = {None: self.site.ops_user, "-web": self.site.web_user}
        command = PATHS.sub(str(self.site.places.prefix), command)
        return OWNER.sub(lambda found: users[found[1]], command)

    def shell(self, command: str) -> None:
        bin_dir = self.site.places.prefix.parent / "bin"
        done = subprocess.run(
            ["bash", "-c", "\n".join([*self.functions, self.here(command)])],
            env={"PATH": f"{bin_dir}:{os.environ['PATH']}"}, cwd="/", input="y\n",
            capture_output=True, text=True, check=False, timeout=PATIENCE,
        )  # fmt: skip
        self.said[command] = done.stdout
        assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"
        if command.startswith("prodops install") and self.site.places.web_env.exists():
            self.choose_ports()

    def choose_ports(self) -> None:
        """Give the parts free ports."""
        if "PRODOPS_API_PORT" in self.site.places.web_env.read_text():
            return
        ports = f"PRODOPS_API_PORT={self.site.api_port}\n"
        ports += f"PRODOPS_PREFECT_PORT={self.site.prefect_port}\n"
        for path in (self.site.places.ops_env, self.site.places.web_env):
            path.write_text(path.read_text().replace(":8002", f":{self.site.api_port}") + ports)

    def systemd(self, program: str, verb: str, *more: str) -> None:
        """Do what `systemctl` would, and see that there is what `journalctl` would show."""
        if program == "journalctl":
            assert (self.site.places.prefix / f"{more[0].removeprefix('prodops-')}.log").exists()
        elif verb == "enable":
            self.start(*self.parts())
        elif verb == "restart":
            named = more[0].removeprefix("prodops-")
            self.restart(*(self.parts() if more[0].endswith(".target") else [named]))
        else:
            self.site.check_alive()

    def parts(self) -> list[str]:
        """What the target wants, in the order of their start."""
        [wanted] = read_unit(self.site.places.units / "prodops.target")["Wants"]
        return re.findall(r"prodops-(\w+)\.service", wanted)

    def start(self, *parts: str) -> None:
        for part in parts:
            self.site.start(part)
        api = f"http://127.0.0.1:{self.site.api_port}/swf-monitor/api/health/"
        wait_until(lambda: self.answers(api))
        wait_until(lambda: self.answers(f"http://127.0.0.1:{self.site.prefect_port}/api/health"))

    def restart(self, *parts: str) -> None:
        for part in reversed(parts):
            process = self.site.processes.pop(part)
            process.terminate()
            process.wait(PATIENCE)
        self.start(*parts)

    def answers(self, url: str) -> bool:
        self.site.check_alive()
        try:
            return httpx.get(url).is_success
        except httpx.HTTPError:
            return False


@pytest.fixture
def reader() -> Iterator[Reader]:
    require_nginx()
    with (
        everyones_environment() as bin_dir,
        bare_postgres() as server,
        prepared(bin_dir, server) as site,
    ):
        (site.places.prefix.parent / "bin").mkdir()
        script = site.places.prefix.parent / "bin/prodops"
        users = shlex.join(["--ops-user", site.ops_user, "--web-user", site.web_user])
        script.write_text(
            "#!/bin/bash\n"
            f'[ "$1" = install ] || exec {bin_dir}/prodops "$@"\n'
            f'[ "$2" = --remove ] || exec {shlex.join(site.command())} {users} "${{@:2}}"\n'
            f'exec {shlex.join(site.command())} "${{@:2}}"\n'
        )
        script.chmod(0o755)
        yield Reader(site)


def test_the_guide_does_what_it_says(reader: Reader, tmp_path: Path):
    before, nginx, after = GUIDE.read_text().partition("```nginx")
    operation, removal, last = after.partition("## 8. Remove")
    assert nginx
    assert removal
    reader.follow(before)
    [token] = [
        re.findall(r"\b[0-9a-f]{40}\b", said)[-1]
        for command, said in reader.said.items()
        if " token create " in command
    ]
    with (
        documented_proxy(tmp_path, reader.site.api_port) as address,
        httpx.Client(
            base_url=address,
            verify=ssl.create_default_context(cafile=tmp_path / "prodops.pem"),
            headers={"Host": "prodops.example.org"},
            timeout=PATIENCE,
        ) as client,
    ):
        sees_whom_the_proxy_verified(client)
        follows_the_stream(client, token)
        completes_a_request(client)
    reader.follow(operation)
    reader.site.stop()
    reader.follow(last)
    nothing_is_left(reader.site)


def sees_whom_the_proxy_verified(client: httpx.Client) -> None:
    spoofed = {"X-Remote-User": "root"}
    refused = client.get("/api/me/", headers=spoofed, auth=(USER, "wrong"))
    assert (refused.status_code, refused.headers["server"][:5]) == (REFUSED, "nginx")
    assert client.get("/api/me/", headers=spoofed).status_code == REFUSED
    assert client.get("/api/me/", headers=spoofed, auth=(USER, PASSWORD)).json()["name"] == USER


def follows_the_stream(client: httpx.Client, token: str) -> None:
    own = {"Authorization": f"Token {token}"}
    with client.stream("GET", "/api/messages/stream/", auth=(USER, PASSWORD)) as stream:
        assert "content-encoding" not in stream.headers
        frames = stream.iter_raw()
        assert b"connected" in next(frames)
        sent = client.post("/api/messages/", json={"msg_type": "guide"}, headers=own)
        assert sent.status_code == httpx.codes.CREATED, sent.text
        assert b"event: guide" in next(frames)


def completes_a_request(client: httpx.Client) -> None:
    asked = client.post("/api/actions/check_pipeline/", json={}, auth=(USER, PASSWORD))
    assert asked.status_code == httpx.codes.ACCEPTED, asked.text
    where = f"/api/requests/{asked.json()['request_id']}/"

    def state() -> str:
        found = client.get(where, auth=(USER, PASSWORD)).json()
        assert found["requested_by"] == USER
        return str(found["state"])

    wait_until(lambda: state() not in {"queued", "claimed", "running"})
    assert state() == "completed"


def nothing_is_left(site: Installation) -> None:
    for name in (site.ops_user, site.web_user):
        with pytest.raises(KeyError):
            pwd.getpwnam(name)
    prefix = site.places.prefix
    kept = [path for path in prefix.rglob("*") if path.is_file() and path.suffix != ".log"]
    assert {path.relative_to(prefix).parts[:3] for path in kept} == {("var", "backups", "prodops")}
    assert not Places(prefix).etc.exists()
    with site.server.connect() as superuser:
        roles = superuser.execute("SELECT rolname FROM pg_roles WHERE rolname !~ '^pg_'").fetchall()
        databases = superuser.execute("SELECT datname FROM pg_database").fetchall()
    assert roles == [("postgres",)]
    assert {name for (name,) in databases} == {"postgres", "template0", "template1"}
