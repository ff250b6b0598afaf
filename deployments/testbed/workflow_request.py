"""What is asked of `run_workflow`: the configuration's values, and those of the command line.

Of two values for one key the later counts: sections, then `[parameters]`, then options.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from blocks.errors import Invalid
from deployments.testbed.configuration import TestbedConfiguration, nearest
from deployments.testbed.errors import BadTestbed
from flows.workflows.actions import RUN_WORKFLOW
from flows.workflows.domain.parameters import DAQ, READABLE, WORKFLOW_SECTIONS

_DURATION: Final = "physics_period_duration"
_COUNT: Final = "stf_count"


@dataclass(frozen=True, kw_only=True)
class Options:
    """What the command line gives; None: nothing.

    Attributes:
        parameters: Values that replace configured ones, by their key.
    """

    workflow: str | None = None
    config: str | None = None
    duration_seconds: float | None = None
    realtime: bool | None = None
    seed: int | None = None
    parameters: Mapping[str, Any]

    @classmethod
    def none(cls) -> Options:
        """Nothing at all."""
        return cls(parameters={})


@dataclass(frozen=True)
class _Value:
    """A value that replaces a configured one; `layer` is the place of where it comes from."""

    section: str
    key: str
    value: Any
    source: str
    layer: int


def form_of(configuration: TestbedConfiguration, options: Options) -> dict[str, Any]:
    """The parameters of `run_workflow`.

    Raises:
        BadTestbed: Nothing reads one of the keys, or a value is not of its form.
    """
    workflow = configuration.workflow
    asked = {
        "workflow": options.workflow or workflow.name,
        "namespace": configuration.namespace,
        "config": options.config or workflow.config,
        "duration_seconds": _first(options.duration_seconds, workflow.duration),
        "realtime": _first(options.realtime, workflow.realtime),
        "seed": _first(options.seed, workflow.seed),
        "overrides": _overrides(configuration, options),
    }
    try:
        form = RUN_WORKFLOW.parse(asked)
    except Invalid as error:
        raise BadTestbed(f"{configuration.path}: {_in_words(error)}") from None
    return form.model_dump(mode="json")


def _overrides(configuration: TestbedConfiguration, options: Options) -> list[dict[str, Any]]:
    values = list(_values(configuration, options))
    highest = {key: max((v.layer for v in values if v.key == key), default=-1) for key in
               (_DURATION, _COUNT)}  # fmt: skip
    if highest[_COUNT] != -1 and highest[_DURATION] > highest[_COUNT]:
        # A configured count would hide the duration that was given to replace it.
        values.append(_Value(DAQ, _COUNT, 0, f"{_DURATION} is given", highest[_DURATION]))
    names = ("section", "key", "value", "source")
    return [{name: getattr(each, name) for name in names} for each in values]


def _values(configuration: TestbedConfiguration, options: Options) -> Iterator[_Value]:
    path = configuration.path
    for section, keys in configuration.sections.items():
        for key, given in keys.items():
            yield _Value(section, key, given.value, f"{given.source} [{section}]", 0)
    for key, given in configuration.parameters.items():
        where = f"{path}: [parameters]"
        source = f"{given.source} [parameters]"
        yield _Value(section_of(key, where), key, given.value, source, 1)
    for key, value in options.parameters.items():
        option = f"--{key.replace('_', '-')}"
        yield _Value(section_of(key, option), key, value, option, 2)


def section_of(key: str, where: str) -> str:
    """A section in which the key is read.

    Args:
        key: The parameter's name.
        where: Who names it, as the begin of the sentence that refuses.

    Raises:
        BadTestbed: Nothing reads it.
    """
    if key in READABLE[DAQ]:
        return DAQ
    for section, form in WORKFLOW_SECTIONS.items():
        if key in form.model_fields:
            return section
    known = {name for keys in READABLE.values() for name in keys}
    raise BadTestbed(f"{where}: nothing reads {key!r}{nearest(key, known)}")


def _first(given: Any, configured: Any) -> Any:
    return configured if given is None else given


def _in_words(error: Invalid) -> str:
    """What is wrong, by the key that it is about."""
    return "; ".join(
        f"{name}: {' '.join(text.removeprefix('Value error, ') for text in texts)}"
        for name, texts in error.fields.items()
    )
