"""The `prun` command of a task (`fmt=panda`; ops contract section 2.7). Pure."""

from __future__ import annotations

import shlex
from typing import Final

from api.pcs.domain.effective import ConfigNotOfForm, EffectiveConfig
from api.pcs.domain.value_forms import OUT_DS

_SEPARATOR: Final = " \\\n  "
_LABEL: Final = "test"
_VO: Final = "wlcg"


def options(config: EffectiveConfig, out_ds: str) -> list[tuple[str, str | None]]:
    """The options in their order, each with its value, or None for a flag.

    Raises:
        ConfigNotOfForm: A value may not stand in a command.
    """
    problems = config.problems()
    if why := OUT_DS.problem(out_ds):
        problems["outDS"] = why
    if problems:
        raise ConfigNotOfForm(problems)
    data = config.data
    wanted = (
        ("--exec", data.get("exec_command")),
        ("--outDS", out_ds),
        ("--official", data.get("official")),
        ("--containerImage", config.text("container_image")),
        ("--site", config.text("panda_site")),
        ("--workingGroup", config.text("panda_working_group")),
        ("--resourceType", config.text("panda_resource_type")),
        ("--prodSourceLabel", data.get("prod_source_label") or _LABEL),
        ("--vo", data.get("vo") or _VO),
        ("--processingType", data.get("processing_type")),
        ("--nJobs", data.get("n_jobs")),
        ("--nEventsPerJob", data.get("events_per_job")),
        ("--nCore", data.get("corecount")),
        ("--noBuild", data.get("no_build")),
        ("--expertOnly_skipScout", data.get("skip_scout")),
        ("--outputs", data.get("outputs")),
    )
    return [(option, None if value is True else str(value)) for option, value in wanted if value]


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
