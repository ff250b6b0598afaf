"""`testbed.toml`: what it may hold, and what it asks for.

Sections and keys: fast-monitoring contract section 5.10; `program`, `duration`: the testbed's plan.
"""

from __future__ import annotations

import difflib
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Final, TypeVar

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from deployments.testbed.errors import BadTestbed
from flows.workflows.domain.parameters import READABLE
from flows.workflows.schemas import Namespace

_Form = TypeVar("_Form", bound=BaseModel)
_NAME: Final = r"^[A-Za-z0-9_][A-Za-z0-9_.\-]*$"
AgentName = Annotated[str, Field(max_length=60, pattern=_NAME)]


class _Section(BaseModel):
    """A section; numbers are numbers, and no text is read as one."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class TestbedSection(_Section):
    """Whose messages the agents act on."""

    namespace: Namespace


class WorkflowSection(_Section):
    """Which workflow runs."""

    name: str = "stf_datataking"
    config: str = "fast_processing_default"
    duration: float = Field(0, ge=0)
    realtime: bool = True
    seed: int = Field(0, ge=0)
    includes: list[str] = []


class AgentSection(_Section):
    """An agent: of a built-in program, of one in `programs`, or of a script."""

    enabled: bool = True
    program: str | None = Field(None, min_length=1)
    script: str | None = Field(None, min_length=1)


class ProgramSection(_Section):
    """A program that agents may be: its command, as an argument vector or as a shell writes it."""

    command: list[str] | str = Field(min_length=1)
    directory: str | None = None
    environment: dict[str, str] = {}


_FORMS: Final[dict[str, type[_Section]]] = {
    "testbed": TestbedSection,
    "workflow": WorkflowSection,
}
_OF_MANY: Final[dict[str, type[_Section]]] = {"agents": AgentSection, "programs": ProgramSection}
_PARAMETERS: Final = "parameters"
_SECTIONS: Final = (*_FORMS, *_OF_MANY, _PARAMETERS, *READABLE)


@dataclass(frozen=True)
class Given:
    """A value that the file gives for a parameter, and the name of the file that does."""

    value: Any
    source: str


@dataclass(frozen=True, kw_only=True)
class TestbedConfiguration:
    """What a `testbed.toml` says.

    Attributes:
        path: The file, absolute.
        namespace: Whose messages the agents act on.
        workflow: Which workflow runs.
        agents: The agents, by name.
        programs: The programs that it describes, by name.
        parameters: Values that replace configured ones, wherever they are read.
        sections: Values that replace those of a section of the workflow's configuration.
    """

    path: Path
    namespace: str
    workflow: WorkflowSection
    agents: Mapping[str, AgentSection]
    programs: Mapping[str, ProgramSection]
    parameters: Mapping[str, Given]
    sections: Mapping[str, Mapping[str, Given]]


def load(path: Path) -> TestbedConfiguration:
    """Read a configuration, with what it includes.

    Raises:
        BadTestbed: It cannot be read, or something in it is unknown or not of its form.
    """
    path = path.absolute()
    merged = _merged(path, ())
    plain = {name: {key: each.value for key, each in keys.items()} for name, keys in merged.items()}
    if "testbed" not in plain:
        raise BadTestbed(f"{path}: there is no section [testbed], with the agents' namespace")
    return TestbedConfiguration(
        path=path,
        namespace=_formed(TestbedSection, plain["testbed"], path, "testbed").namespace,
        workflow=_formed(WorkflowSection, plain.get("workflow", {}), path, "workflow"),
        agents=_each(AgentSection, plain.get("agents", {}), path, "agents"),
        programs=_each(ProgramSection, plain.get("programs", {}), path, "programs"),
        parameters=merged.get(_PARAMETERS, {}),
        sections={name: keys for name, keys in merged.items() if name in READABLE},
    )


def nearest(name: str, known: Iterable[str]) -> str:
    """What may have been meant, in words; empty where nothing is like it."""
    close = difflib.get_close_matches(name, sorted(known), n=1, cutoff=0.5)
    return f"; the nearest is {close[0]!r}" if close else ""


def _merged(path: Path, within: tuple[Path, ...]) -> dict[str, dict[str, Given]]:
    """Every key of the file, and of those that it includes; none is overwritten by one of those."""
    if path in within:
        raise BadTestbed(f"{path}: it includes itself, by {within[-1].name}")
    found = {
        section: {key: Given(value, path.name) for key, value in keys.items()}
        for section, keys in _document(path).items()
    }
    includes = found.get("workflow", {}).get("includes", Given([], path.name)).value
    for name in includes if isinstance(includes, list) else []:
        included = _merged(path.parent / str(name), (*within, path))
        for section, keys in included.items():
            found[section] = {**keys, **found.get(section, {})}
    return found


def _document(path: Path) -> dict[str, dict[str, Any]]:
    try:
        document = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "it is no UTF-8"
        raise BadTestbed(f"{path}: {reason}") from None
    except tomllib.TOMLDecodeError as error:
        raise BadTestbed(f"{path}: it is no TOML: {error}") from None
    for section, keys in document.items():
        if section not in _SECTIONS:
            raise BadTestbed(
                f"{path}: there is no section [{section}]{nearest(section, _SECTIONS)}"
            )
        if not isinstance(keys, dict):
            raise BadTestbed(f"{path}: {section} is a section: write [{section}]")
    return document


def _each(
    form: type[_Form], entries: Mapping[str, Any], path: Path, section: str
) -> dict[str, _Form]:
    """The entries of a section that names many things, each in its form."""
    return {
        _named(name, path, section): _formed(form, entry, path, f"{section}.{name}")
        for name, entry in entries.items()
    }


def _named(name: str, path: Path, section: str) -> str:
    try:
        return TypeAdapter(AgentName).validate_python(name)
    except ValidationError:
        text = "is no name: letters, digits, '_', '.' and '-', at most 60"
        raise BadTestbed(f"{path}: [{section}.{name!r}]: {name!r} {text}") from None


def _formed(form: type[_Form], values: object, path: Path, section: str) -> _Form:
    try:
        return form.model_validate(values)
    except ValidationError as error:
        first = error.errors()[0]
        key = str(first["loc"][0]) if first["loc"] else ""
        if first["type"] == "extra_forbidden":
            near = nearest(key, form.model_fields)
            raise BadTestbed(f"{path}: [{section}]: nothing reads {key!r}{near}") from None
        raise BadTestbed(f"{path}: [{section}] {key}: {first['msg']}") from None
