"""The `prun` command of a task (`fmt=panda`; ops contract section 2.7). Pure."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from typing import Any, Final

from api.pcs.domain.effective import ConfigNotOfForm, EffectiveConfig
from api.pcs.domain.value_forms import OUT_DS

_SEPARATOR: Final = " \\\n  "
_LABEL: Final = "test"
_VO: Final = "wlcg"

Option = tuple[str, str | None]


def options(config: EffectiveConfig, out_ds: str) -> list[Option]:
    """The options in their order, each with its value, or None for a flag.

    Raises:
        ConfigNotOfForm: A value may not stand in a command.
    """
    problems = config.problems()
    if why := OUT_DS.problem(out_ds):
        problems["outDS"] = why
    if problems:
        raise ConfigNotOfForm(problems)
    return list(_options(config, out_ds))


def arguments(config: EffectiveConfig, out_ds: str) -> list[str]:
    """The argument vector, `prun` first.

    Raises:
        ConfigNotOfForm: A value may not stand in a command.
    """
    words = (word for option in options(config, out_ds) for word in option if word is not None)
    return ["prun", *words]


def compose(config: EffectiveConfig, out_ds: str) -> str:
    r"""The command's text, an option a line, with ``\`` before each line's end.

    Raises:
        ConfigNotOfForm: A value may not stand in a command.
    """
    parts = (
        option if value is None else f"{option} {shlex.quote(value)}"
        for option, value in options(config, out_ds)
    )
    return _SEPARATOR.join(["prun", *parts])


def _options(config: EffectiveConfig, out_ds: str) -> Iterator[Option]:
    data: dict[str, Any] = dict(config.data)
    if data.get("exec_command"):
        yield "--exec", data["exec_command"]
    yield "--outDS", out_ds
    if data.get("official"):
        yield "--official", None
    for option, field in (
        ("--containerImage", "container_image"),
        ("--site", "panda_site"),
        ("--workingGroup", "panda_working_group"),
        ("--resourceType", "panda_resource_type"),
    ):
        if value := config.text(field):
            yield option, value
    yield "--prodSourceLabel", data.get("prod_source_label") or _LABEL
    yield "--vo", data.get("vo") or _VO
    for option, key in (
        ("--processingType", "processing_type"),
        ("--nJobs", "n_jobs"),
        ("--nEventsPerJob", "events_per_job"),
        ("--nCore", "corecount"),
    ):
        if number := data.get(key):
            yield option, str(number)
    if data.get("no_build"):
        yield "--noBuild", None
    if data.get("skip_scout"):
        yield "--expertOnly_skipScout", None
    if data.get("outputs"):
        yield "--outputs", data["outputs"]
