"""The whole: this machine's services, and on each of two hosts a worker, a relay and a web tier."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Final

import psycopg
from psycopg import sql
from sqlalchemy import make_url

from deployments.bench.common.stack import BenchBroken, BenchStack, open_bench, say, until
from deployments.bench.hosts import front, prefect_servers
from deployments.bench.hosts.network import Host, hosts, require_programs
from deployments.bench.hosts.prefect_servers import REDIS, require_redis_support
from deployments.bench.hosts.processes import Process, end_all
from deployments.stack.credentials import PREFECT_ROLE, SUPERUSER, Credentials
from deployments.stack.layout import Layout
from deployments.stack.parts import command
from deployments.stack.ports import free_ports, ports_of
from deployments.stack.readiness import answers
from deployments.stack.stack import Stack

PARTS: Final = ("api", "worker", "relay")
"""The parts that each host runs."""
_SAY_READY: Final = ("worker", "relay")
_SERVICES: Final = ("postgres", "panda", "rucio")
_KEPT_ALIVE: Final = {
    "tcp_keepalives_idle": 10,
    "tcp_keepalives_interval": 5,
    "tcp_keepalives_count": 3,
    "tcp_user_timeout": 25_000,  # ms
}
_READY_SECONDS: Final = 600.0


@dataclass
class Machine:
    """A host, and what runs there.

    Attributes:
        worker: The name of its worker, as requests have it.
        processes: What always runs, by name, in the order in which it starts.
        writer: What is started to be cut off while it writes an event.
    """

    host: Host
    worker: str
    processes: dict[str, Process]
    writer: Process

    @property
    def is_writing(self) -> bool:
        """Whether its writer has written, and not committed."""
        return _said(self.writer.directory).exists()

    def end_writing(self) -> None:
        """End its writer; harmless where there is none."""
        self.writer.kill()
        _said(self.writer.directory).unlink(missing_ok=True)

    def is_ready(self, name: str) -> bool:
        """Whether the process of its worker, or its relay, has said that it is ready."""
        return Layout(self.writer.directory).is_ready(name, self.processes[name].pid)

    def impostor(self) -> Process:
        """A worker with a state directory of its own, which knows nothing of the other there."""
        own = self.processes["worker"]
        directory = own.directory / "impostor"
        environment = {**own.environment, "PRODOPS_STATE_DIR": os.fspath(directory)}
        return replace(own, name="impostor", environment=environment, directory=directory)


@dataclass
class Cluster:
    """Two machines, what they share, and the bench's way to it.

    Attributes:
        shared: nginx, Redis, and the services of Prefect, by name.
    """

    running: BenchStack
    machines: Sequence[Machine]
    shared: Mapping[str, Process]

    def machine(self, number: int) -> Machine:
        """The machine of a number, from 1."""
        return self.machines[number - 1]

    def process(self, machine: Machine, name: str) -> Process:
        """A process of a machine, or one that both share."""
        return self.shared[name] if name in self.shared else machine.processes[name]

    def is_well(self) -> bool:
        """Whether every process runs, and every server on every host answers for itself."""
        processes = [*self.shared.values()]
        for each in self.machines:
            processes += each.processes.values()
        return all(each.is_alive for each in processes) and all(map(self._answers, self.machines))

    def _answers(self, machine: Machine) -> bool:
        stack, address = self.running.stack, machine.host.address
        web = f"http://{address}:{stack.settings.api.port}{stack.settings.stack.root_path}"
        prefect = f"http://{address}:{stack.settings.prefect.port}/api"
        is_ready = all(map(machine.is_ready, _SAY_READY))
        return is_ready and answers(f"{web}/api/health/") and answers(f"{prefect}/health")


@contextmanager
def cluster(overrides: Mapping[str, str]) -> Iterator[Cluster]:
    """Everything up and warm; nothing of it is left afterwards.

    Raises:
        NoHosts: It cannot be made here; the message says why.
    """
    require_programs({REDIS: REDIS, "nginx": "nginx-light"})
    require_redis_support()
    with ExitStack() as opened:
        say("starting PostgreSQL, PanDA and Rucio in a temporary directory")
        stack = opened.enter_context(Stack.temporary(overrides, parts=_SERVICES))
        (redis_port,) = free_ports(1)
        names = (*_SERVICES, "prefect", "api")
        ports = [each.number for each in ports_of(stack.settings, names)]
        say("making two hosts")
        made = opened.enter_context(hosts(2, [*ports, redis_port]))
        _let_in(stack, made)
        directory = stack.state_dir / "hosts"
        shared = {
            "redis": prefect_servers.redis(directory, redis_port),
            "nginx": front.front(stack, made, directory),
            "prefect-services": prefect_servers.services(stack, directory, redis_port),
        }
        machines = [_machine(stack, host, redis_port) for host in made]
        every = [*shared.values()]
        for each in machines:
            every += [*each.processes.values(), each.writer]
        opened.callback(end_all, every)
        _start(stack, shared, machines, redis_port)
        running = opened.enter_context(open_bench(stack))
        yield Cluster(running, machines, shared)
        say("ending it")


def other_host_name(machine: Machine) -> str:
    """The name of the other host."""
    return f"host{3 - machine.host.number}"


def _start(
    stack: Stack, shared: Mapping[str, Process], machines: Sequence[Machine], redis_port: int
) -> None:
    """Start it in an order in which each finds what it needs."""
    say("making Prefect's schema")
    prefect_servers.migrate(stack, redis_port)
    for name in ("redis", "nginx"):
        shared[name].start()
    for machine in machines:  # one after the other: a new server registers blocks
        say(f"starting Prefect's server on {machine.host.name}")
        _start_server(stack, machine)
    shared["prefect-services"].start()
    for machine in machines:
        say(f"starting {', '.join(PARTS)} on {machine.host.name}")
        for name in PARTS:
            machine.processes[name].start()
    for machine in machines:
        for name in _SAY_READY:
            process = machine.processes[name]
            is_ready = partial(machine.is_ready, name)
            _until_ready(process, is_ready, f"{name} of {machine.host.name}")


def _start_server(stack: Stack, machine: Machine) -> None:
    process = machine.processes["prefect"]
    process.start()
    address = f"http://{machine.host.address}:{stack.settings.prefect.port}/api/health"
    _until_ready(process, lambda: answers(address), f"Prefect on {machine.host.name}")


def _until_ready(process: Process, is_ready: Callable[[], bool], what: str) -> None:
    def look() -> bool:
        if not process.is_alive:
            raise BenchBroken(f"{what} ended: {process.last_words()}; see {process.log}")
        return is_ready()

    until(look, _READY_SECONDS, f"{what} is ready; see {process.log}")


def _machine(stack: Stack, host: Host, redis_port: int) -> Machine:
    directory = _state_dir(stack, host)
    Layout(directory).create()
    processes = {"prefect": prefect_servers.api_server(stack, host, directory, redis_port)}
    for name in PARTS:
        environment = _environment(stack, host, "web" if name == "api" else "ops")
        processes[name] = Process(name, command(name), environment, directory / "logs", host)
    argv = (sys.executable, "-m", "deployments.bench.hosts.writer", os.fspath(_said(directory)))
    writer = Process("writer", argv, _environment(stack, host, "ops"), directory, host)
    return Machine(host, f"{stack.settings.worker.name}@{host.name}", processes, writer)


def _said(directory: Path) -> Path:
    """The file by which the writer of a host says how far it is."""
    return directory / "writing"


def _environment(stack: Stack, host: Host, zone: str) -> dict[str, str]:
    """A part's environment: that of the stack, whose addresses hold on the host too."""
    own = {"PRODOPS_STATE_DIR": os.fspath(_state_dir(stack, host))}
    if zone == "web":
        own |= {
            "PRODOPS_API_HOST": host.address,
            "PRODOPS_API_TRUSTED_PROXIES": host.gateway,
            "PRODOPS_API_ALLOWED_HOSTS": f"127.0.0.1,{host.address}",
        }
    return stack.environment(zone) | own


def _state_dir(stack: Stack, host: Host) -> Path:
    return stack.state_dir / host.name


def _let_in(stack: Stack, made: Sequence[Host]) -> None:
    """Let the hosts' addresses connect to PostgreSQL, with a password as everybody.

    Prefect's sessions are kept alive as prodops's are, so that those of a host that is cut off end.
    """
    url = make_url(stack.environment("ops")["PRODOPS_DATABASE_URL"])
    with psycopg.connect(
        host="127.0.0.1", port=url.port, user=SUPERUSER, dbname="postgres", autocommit=True,
        passfile=os.fspath(Credentials(stack.layout.secrets).superuser),
    ) as connection:  # fmt: skip
        row = connection.execute(sql.SQL("SHOW hba_file")).fetchone()
        with Path(str(row and row[0])).open("a") as file:
            file.writelines(f"host all all {each.network} scram-sha-256\n" for each in made)
        connection.execute("SELECT pg_reload_conf()")
        for name, value in _KEPT_ALIVE.items():
            setting = sql.SQL("ALTER ROLE {} SET {} = {}")
            names = map(sql.Identifier, (PREFECT_ROLE, name))
            connection.execute(setting.format(*names, value))
