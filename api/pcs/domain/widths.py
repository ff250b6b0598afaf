"""How long a task's values may be for PanDA's own tables, which refuse longer ones. Pure.

Source: panda-database, `jedi_tasks` and the tables of jobs. JEDI ends such a task as broken, after
PanDA has accepted it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from api.pcs.domain.effective import EffectiveConfig

_OF_ANY_TASK: Final = {
    "panda_site": 60,
    "container_image": 200,
    "data.vo": 32,
    "data.prod_source_label": 20,
}
_OF_A_MAP: Final = {
    "data.task_type": 64,
    "data.processing_type": 64,
    "data.transformation": 128,
    "data.cloud": 10,
}
_WORKING_GROUP: Final = 20


def working_group(config: EffectiveConfig) -> str:
    """The working group as PanDA keeps it: without its role. Empty where it is not set."""
    return config.text("panda_working_group").partition(".")[0]


def cloud(config: EffectiveConfig) -> str:
    """The cloud that a task is for: the configuration's, else its working group."""
    return str(config.data.get("cloud") or working_group(config) or "EIC")


def problems(config: EffectiveConfig) -> dict[str, str]:
    """Why PanDA could not keep a task with these values, by field, however it is submitted."""
    found = _too_long(config, _OF_ANY_TASK)
    if len(working_group(config)) > _WORKING_GROUP:
        found["panda_working_group"] = _words(_WORKING_GROUP)
    return found


def map_problems(config: EffectiveConfig) -> dict[str, str]:
    """The same of a task that is submitted as a map of JEDI's parameters."""
    found = problems(config) | _too_long(config, _OF_A_MAP)
    most = _OF_A_MAP["data.cloud"]
    if len(cloud(config)) > most and "data.cloud" not in found:
        found["data.cloud"] = f"is not set, and {cloud(config)!r} {_words(most)}"
    return found


def _too_long(config: EffectiveConfig, widths: Mapping[str, int]) -> dict[str, str]:
    values = dict(config.fields) | {f"data.{key}": value for key, value in config.data.items()}
    return {
        name: _words(most)
        for name, most in widths.items()
        if len(str(values.get(name) or "")) > most
    }


def _words(most: int) -> str:
    return f"is longer than the {most} characters that PanDA keeps"
