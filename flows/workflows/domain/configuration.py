"""A workflow's configuration: its parameters by section, and where each value came from.

Layers, from below: included files, the file itself, overrides, the request's own parameters.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final, TypeVar

from pydantic import BaseModel, ValidationError

from blocks.errors import ProdOpsError
from flows.workflows.domain.parameters import (
    DAQ,
    READABLE,
    WORKFLOW_SECTIONS,
    DaqStateMachine,
    FastProcessing,
)

Scalar = bool | int | float | str
Parameters = Mapping[str, Mapping[str, Any]]
_ABOUT: Final = "workflow"
_Form = TypeVar("_Form", bound=BaseModel)


class BadConfiguration(ProdOpsError):
    """A configuration, or an override, that cannot be used; the message names what is wrong."""


@dataclass(frozen=True)
class Value:
    """A parameter's value, and where it came from."""

    value: Scalar
    source: str


@dataclass(frozen=True, kw_only=True)
class Override:
    """A value that replaces a configured one."""

    section: str
    key: str
    value: Scalar
    source: str


@dataclass(frozen=True, kw_only=True)
class Configuration:
    """A workflow's configuration.

    Attributes:
        name: Of its file.
        workflow: Name of the workflow that it configures.
        version: Of the workflow.
        description: In one line.
        sections: Its values, by section and key.
    """

    name: str
    workflow: str
    version: str
    description: str
    sections: Mapping[str, Mapping[str, Value]]

    def parameters(self) -> dict[str, dict[str, Scalar]]:
        """The values alone, by section and key."""
        return _each(self.sections, lambda value: value.value)

    def sources(self) -> dict[str, dict[str, str]]:
        """Where each value came from, by section and key."""
        return _each(self.sections, lambda value: value.source)

    def daq(self) -> DaqStateMachine:
        """The state machine's parameters, as the workflow's sections override them.

        Raises:
            BadConfiguration: One is missing, or not of its form.
        """
        return daq_of(self.parameters())


def daq_of(parameters: Parameters) -> DaqStateMachine:
    """The state machine's parameters among those of an execution.

    Raises:
        BadConfiguration: One is missing, or not of its form.
    """
    merged = dict(parameters.get(DAQ, {}))
    for section in WORKFLOW_SECTIONS:
        own = parameters.get(section, {})
        merged |= {key: own[key] for key in own if key in READABLE[DAQ]}
    return _formed(DaqStateMachine, merged, DAQ)


def fast_processing_of(parameters: Parameters) -> FastProcessing:
    """The parameters of fast processing among those of an execution; defaults where there are none.

    Raises:
        BadConfiguration: One is not of its form.
    """
    own = parameters.get("fast_processing", {})
    known = {key: own[key] for key in own if key in FastProcessing.model_fields}
    return _formed(FastProcessing, known, "fast_processing")


def parse(document: Mapping[str, Any], name: str) -> Configuration:
    """The configuration in a TOML document, without what it includes.

    Raises:
        BadConfiguration: A section or a key is unknown.
    """
    about = document.get(_ABOUT, {})
    sections = {
        section: {key: _value(section, key, each, f"{name}.toml") for key, each in values.items()}
        for section, values in document.items()
        if section != _ABOUT
    }
    return Configuration(
        name=name,
        workflow=str(about.get("name", name)),
        version=str(about.get("version", "1.0")),
        description=str(about.get("description", "")),
        sections=sections,
    )


def including(own: Configuration, included: Iterable[Configuration]) -> Configuration:
    """The configuration with what it includes; no value of its own is overwritten."""
    sections = {section: dict(values) for section, values in own.sections.items()}
    for other in included:
        for section, values in other.sections.items():
            sections[section] = {**values, **sections.get(section, {})}
    return replace(own, sections=sections)


def overridden(own: Configuration, overrides: Sequence[Override]) -> Configuration:
    """The configuration with values replaced, each wherever it is read; the last one wins.

    Raises:
        BadConfiguration: Nothing reads such a key, or the value is not of its form.
    """
    sections = {section: dict(values) for section, values in own.sections.items()}
    for each in overrides:
        new = _value(each.section, each.key, each.value, each.source)
        if each.key in READABLE[DAQ]:
            # The state machine reads a key in several sections: none may hide the override.
            for values in sections.values():
                if each.key in values:
                    values[each.key] = new
        sections.setdefault(each.section, {})[each.key] = new
    changed = replace(own, sections=sections)
    changed.daq()
    fast_processing_of(changed.parameters())
    return changed


def _value(section: str, key: str, value: Any, source: str) -> Value:
    if section not in READABLE:
        raise BadConfiguration(
            f"{source}: there is no section {section!r}{_near(section, READABLE)}"
        )
    if key not in READABLE[section]:
        near = _near(key, READABLE[section])
        raise BadConfiguration(f"{source}: nothing reads {section}.{key}{near}")
    if not isinstance(value, Scalar):
        raise BadConfiguration(f"{source}: {section}.{key} is no single value")
    return Value(value, source)


def _near(name: str, known: Iterable[str]) -> str:
    close = difflib.get_close_matches(name, sorted(known), n=1, cutoff=0.0)
    return f"; the nearest is {close[0]!r}" if close else ""


def _formed(form: type[_Form], values: Mapping[str, Any], section: str) -> _Form:
    try:
        return form.model_validate(values)
    except ValidationError as error:
        first = error.errors()[0]
        raise BadConfiguration(f"{section}.{first['loc'][0]}: {first['msg']}") from None


def _each(sections: Mapping[str, Mapping[str, Value]], of: Any) -> dict[str, dict[str, Any]]:
    return {
        section: {key: of(value) for key, value in values.items()}
        for section, values in sections.items()
    }
