"""An installation for tests: its command, its parts as systemd would start them, and its users."""

from __future__ import annotations

import os
import pickle
import pwd
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import pytest
from dotenv import dotenv_values

from deployments.install.checks import check_code
from deployments.install.places import Places
from deployments.stack.ports import free_ports
from flows.common.settings import BadSetting
from tests.support.bare_postgres import BarePostgres
from tests.waiting import PATIENCE

ROOT = Path(__file__).parents[2]
T = TypeVar("T")


@contextmanager
def everyones_environment() -> Iterator[Path]:
    """The `bin` of an environment that any user may run, with the packages of this one."""
    with _directory("prodops-python-") as place:
        try:
            check_code()
        except BadSetting:
            yield _borrowed(place)
        else:
            yield Path(sys.prefix) / "bin"


def _borrowed(place: Path) -> Path:
    """An environment of the system's Python that borrows this one's packages."""
    name = f"python{sys.version_info.major}.{sys.version_info.minor}"
    python, packages = Path("/usr/bin") / name, Path(sys.prefix) / f"lib/{name}/site-packages"
    if not python.exists():
        pytest.skip(f"no other user may run {sys.executable}, and there is no {python}")
    if not all(each.stat().st_mode & 0o001 for each in packages.parents):
        pytest.skip(f"no other user may read {packages}")
    subprocess.run([python, "-m", "venv", "--without-pip", place], check=True)
    borrow = f"import site; site.addsitedir({str(packages)!r})\n"
    (place / f"lib/{name}/site-packages/borrowed.pth").write_text(borrow)
    # What redis, which Prefect imports, needs before Python 3.11.3 alone.
    (place / f"lib/{name}/site-packages/async_timeout.py").write_text(
        "from asyncio import timeout\n"
    )
    script = place / "bin/prodops"
    script.write_text(f"#!{place}/bin/python\nfrom deployments.cli import main\nmain()\n")
    script.chmod(0o755)
    return place / "bin"


@contextmanager
def _directory(prefix: str) -> Iterator[Path]:
    """A directory that all may enter; pytest's are closed to others."""
    path = Path(tempfile.mkdtemp(prefix=prefix))
    path.chmod(0o755)
    try:
        yield path
    finally:
        shutil.rmtree(path)


def as_user(name: str, work: Callable[[], T]) -> T:
    """What `work` gives in a child process that is this user and no more."""
    entry = pwd.getpwnam(name)
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            os.setgroups([])
            os.setgid(entry.pw_gid)
            os.setuid(entry.pw_uid)
            outcome: Any = (True, work())
        except BaseException as error:  # noqa: BLE001 - told in the parent
            outcome = (False, f"{type(error).__name__}: {error}")
        with os.fdopen(writing, "wb") as pipe:
            pickle.dump(outcome, pipe)
        os._exit(0)
    os.close(writing)
    with os.fdopen(reading, "rb") as pipe:
        is_done, result = pickle.load(pipe)
    os.waitpid(child, 0)
    assert is_done, result
    return result


@dataclass
class Installation:
    """One prefix, with a database server and two users of its own."""

    bin_dir: Path
    places: Places
    server: BarePostgres
    ops_user: str
    web_user: str
    api_port: int
    prefect_port: int
    processes: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)

    def command(self, *more: str) -> list[str]:
        """`prodops install` for it."""
        given = ["--prefix", str(self.places.prefix), "--database-url", self.server.url]
        return [
            str(self.bin_dir / "prodops"), "install", *given,
            "--database-passfile", str(self.server.passfile), *more,
        ]  # fmt: skip

    def install(self, *more: str) -> subprocess.CompletedProcess[str]:
        """Run the command, as root in a directory without settings."""
        users = ["--ops-user", self.ops_user, "--web-user", self.web_user]
        return self.run(*users, *more)

    def run(self, *more: str, **popen: Any) -> subprocess.CompletedProcess[str]:
        """Run the command with these options alone."""
        return subprocess.run(
            self.command(*more), cwd="/", env={"PATH": os.environ["PATH"]}, timeout=PATIENCE,
            capture_output=True, text=True, check=False, **popen,
        )  # fmt: skip

    def edit(self) -> None:
        """Give the parts free ports, as an operator edits settings."""
        ports = (
            f"PRODOPS_API_PORT={self.api_port}\nPRODOPS_PREFECT_PORT={self.prefect_port}\n"
            f"PRODOPS_PCS_URL=http://127.0.0.1:{self.api_port}\n"
            f"PRODOPS_CANARY_MONITOR_URL=http://127.0.0.1:{self.api_port}\n"
        )
        for path in (self.places.ops_env, self.places.web_env):
            with path.open("a") as file:
                file.write(ports)

    def start(self, part: str) -> None:
        """Start a part as systemd would, but for what only its sandbox keeps out."""
        unit = read_unit(self.places.units / f"prodops-{part}.service")
        entry = pwd.getpwnam(unit["User"][0])
        given = dict(line.split("=", 1) for line in unit["Environment"])
        with (self.places.prefix / f"{part}.log").open("wb") as log:
            self.processes[part] = subprocess.Popen(
                unit["ExecStart"][0].split(),
                cwd=unit["WorkingDirectory"][0],
                stdout=log,
                stderr=log,
                env={
                    **user_environment(entry),
                    **given,
                    **env_file(Path(unit["EnvironmentFile"][0])),
                },
                user=entry.pw_uid,
                group=entry.pw_gid,
                extra_groups=[],
                umask=int(unit["UMask"][0], 8),
                start_new_session=True,
            )

    def check_alive(self) -> None:
        """Fail with the end of its log where a part has ended."""
        for part, process in self.processes.items():
            log = self.places.prefix / f"{part}.log"
            assert process.poll() is None, f"{part}: {log.read_text()[-2000:]}"

    def stop(self) -> None:
        """Stop every part, the last first: each needs those that were started before it."""
        for process in reversed(list(self.processes.values())):
            process.terminate()
            try:
                process.wait(30)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait(PATIENCE)
        self.processes.clear()

    def ops(self, *command: str) -> subprocess.CompletedProcess[str]:
        """Run a `prodops` command as the operations side's user."""
        entry = pwd.getpwnam(self.ops_user)
        return subprocess.run(
            [str(self.bin_dir / "prodops"), *command], cwd=self.places.ops_state,
            env={**user_environment(entry), **env_file(self.places.ops_env)},
            user=entry.pw_uid, group=entry.pw_gid, extra_groups=[], timeout=PATIENCE,
            capture_output=True, text=True, check=False,
        )  # fmt: skip


def read_unit(path: Path) -> Mapping[str, list[str]]:
    """The settings of a unit: every value of each name, in order."""
    found: dict[str, list[str]] = {}
    for line in path.read_text().splitlines():
        name, equals, value = line.partition("=")
        if equals:
            found.setdefault(name, []).append(value)
    return found


def env_file(path: Path) -> dict[str, str]:
    """A settings file as systemd reads it: nothing is expanded."""
    return {name: value or "" for name, value in dotenv_values(path, interpolate=False).items()}


def user_environment(entry: pwd.struct_passwd) -> dict[str, str]:
    """What systemd tells every process of a user."""
    about = {"HOME": entry.pw_dir, "USER": entry.pw_name, "LOGNAME": entry.pw_name}
    return {"PATH": "/usr/local/bin:/usr/bin:/bin", "LANG": "C.UTF-8", **about}


@contextmanager
def prepared(bin_dir: Path, server: BarePostgres) -> Iterator[Installation]:
    """A prefix, and names of two users who are not there yet; nothing of it stays."""
    if os.geteuid() != 0 or shutil.which("useradd") is None:
        pytest.skip("to make users takes root and useradd")
    with _directory("prodops-site-") as place:
        suffix = place.name[-8:].lower().replace("_", "x")
        api_port, prefect_port = free_ports(2)
        site = Installation(
            bin_dir, Places(place / "site"), server,
            f"po-{suffix}", f"pw-{suffix}", api_port, prefect_port,
        )  # fmt: skip
        try:
            yield site
        finally:
            site.stop()
            if site.places.manifest.exists():
                removed = site.run("--remove", "--purge", "--yes")
                assert removed.returncode == 0, removed.stderr
