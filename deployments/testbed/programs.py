"""What an agent of the configuration runs: a program of ours, one that is described, or a script.

Source of the agents' and programs' names: fast-monitoring contract sections 5.10 and 7.2.
"""

from __future__ import annotations

import os
import re
import shlex
import shutil
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from deployments.testbed.configuration import (
    AgentSection,
    ProgramSection,
    TestbedConfiguration,
    nearest,
)
from deployments.testbed.errors import BadTestbed

OURS: Final = {"data": "data", "processing": "processing", "fast_processing": "fast-processing"}
"""Built-in programs: the agents of `prodops agent`, by the testbed's names for them."""
IN_PRODOPS: Final = "fastmon"
"""What prodops does itself: no process of the testbed's does it."""
CONTROLLER: Final = "agent-manager"
"""The program that is the user's controller."""
_RESERVED: Final = frozenset({CONTROLLER, "supervisord"})
_ALSO: Final = {
    "stf-data": "data",
    "stf-processing": "processing",
    "stf-data-agent": "data",
    "stf-processing-agent": "processing",
    "example-data-agent": "data",
    "example-processing-agent": "processing",
    "example-fastmon-agent": IN_PRODOPS,
    "example-fast-processing-agent": "fast_processing",
    "fast-processing": "fast_processing",
    "fast-processing-agent": "fast_processing",
}
"""The original's names of agents and of their programs."""


@dataclass(frozen=True, kw_only=True)
class Program:
    """What is run.

    Attributes:
        argv: Its command, an argument vector that begins with an absolute path.
        directory: Where it works.
        environment: What its environment has besides that of every agent.
    """

    argv: tuple[str, ...]
    directory: Path
    environment: Mapping[str, str]


@dataclass(frozen=True, kw_only=True)
class Agent:
    """An agent of the configuration; without a program, prodops itself does its work.

    Attributes:
        name: Its name there.
        is_enabled: Whether it runs unless it is told otherwise.
        program: What it runs.
        problem: Why it cannot run, where it is not enabled; empty: it can.
    """

    name: str
    is_enabled: bool
    program: Program | None
    problem: str = ""


def agents_of(configuration: TestbedConfiguration, state_dir: Path) -> list[Agent]:
    """The agents, each with what it runs.

    Args:
        configuration: Which agents there are.
        state_dir: Where agents of ours remember what they have dealt with.

    Raises:
        BadTestbed: An enabled agent is unknown, or its program is missing.
    """
    found = []
    for name, section in configuration.agents.items():
        program, problem = None, ""
        try:
            program = _program_of(name, section, configuration, state_dir)
        except BadTestbed as error:
            if section.enabled:
                raise
            problem = str(error)
        agent = Agent(name=name, is_enabled=section.enabled, program=program, problem=problem)
        found.append(agent)
    return found


def controller(state_dir: Path) -> Program:
    """The user's controller."""
    argv = (sys.executable, "-P", "-m", "deployments.cli.testbed", "controller")
    return Program(argv=argv, directory=state_dir, environment={})


def _program_of(
    name: str, section: AgentSection, configuration: TestbedConfiguration, state_dir: Path
) -> Program | None:
    path = configuration.path
    where = f"{path}: [agents.{name}]"
    if name in _RESERVED:
        raise BadTestbed(f"{where}: {name!r} is the name of a program that runs anyway")
    wanted = section.program or name
    if wanted in configuration.programs:
        described = configuration.programs[wanted]
        return _described(described, f"{path}: [programs.{wanted}]", path.parent)
    built_in = _ALSO.get(wanted, wanted)
    if built_in == IN_PRODOPS:
        return None
    if built_in in OURS:
        return _ours(built_in, configuration, state_dir)
    if section.program is None and section.script is not None:
        return _script(section.script, where, path.parent)
    known = {*OURS, *_ALSO, IN_PRODOPS, *configuration.programs}
    what = "program" if section.program else "agent"
    hint = "" if section.program else "; or give it a program or a script"
    raise BadTestbed(f"{where}: there is no {what} {wanted!r}{nearest(wanted, known)}{hint}")


def _ours(name: str, configuration: TestbedConfiguration, state_dir: Path) -> Program:
    plain = re.sub(r"[^A-Za-z0-9_.-]", "_", configuration.namespace)
    memory = state_dir / "agents" / f"{name}.{plain}.json"
    own = ("--namespace", configuration.namespace, "--memory", os.fspath(memory))
    argv = (sys.executable, "-P", "-m", "deployments.cli", "agent", OURS[name], *own)
    return Program(argv=argv, directory=configuration.path.parent, environment={})


def _script(script: str, where: str, beside: Path) -> Program:
    path = beside / script
    if not path.is_file():
        raise BadTestbed(f"{where}: there is no script {path}")
    return Program(argv=(sys.executable, os.fspath(path)), directory=beside, environment={})


def _described(section: ProgramSection, where: str, beside: Path) -> Program:
    directory = beside / (section.directory or ".")
    if not directory.is_dir():
        raise BadTestbed(f"{where}: there is no directory {directory}")
    argv = _arguments(section.command, where)
    found = _executable(argv[0], directory, section.environment)
    if found is None:
        raise BadTestbed(f"{where}: there is no program {argv[0]!r} that can be run")
    return Program(
        argv=(found, *argv[1:]), directory=directory.resolve(), environment=section.environment
    )


def _arguments(command: Sequence[str] | str, where: str) -> list[str]:
    try:
        argv = shlex.split(command) if isinstance(command, str) else list(command)
    except ValueError as error:
        raise BadTestbed(f"{where}: command: {error}") from None
    if not argv or not argv[0]:
        raise BadTestbed(f"{where}: command names no program")
    if any("\0" in part for part in argv):
        raise BadTestbed(f"{where}: command holds a NUL character")
    return argv


def _executable(program: str, directory: Path, environment: Mapping[str, str]) -> str | None:
    """The program's file: a path is relative to the directory, a name is looked up in PATH."""
    if "/" in program:
        return shutil.which(os.fspath(directory / program))
    path = environment.get("PATH", os.environ.get("PATH"))
    found = shutil.which(program, path=path)
    return found and os.fspath(Path(found).absolute())
