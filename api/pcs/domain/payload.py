"""The environment that a task's jobs run in. Pure.

Source: the original's environment for JEDI's jobs (ops contract section 2.8).
"""

from __future__ import annotations

from typing import Final

from api.pcs.domain.effective import EffectiveConfig
from api.pcs.models import Dataset, Tag

_SWITCHES: Final = {"COPYRECO": "copy_reco", "COPYFULL": "copy_full", "COPYLOG": "copy_log"}
_BEAMS: Final = {"EBEAM": "beam_energy_electron", "PBEAM": "beam_energy_hadron"}
_BACKGROUND: Final = {
    "SIGNAL_FREQ": "signal_freq",
    "SIGNAL_STATUS": "signal_status",
    "TAG_PREFIX": "bg_tag_prefix",
    "BG_FILES": "bg_files",
}


def environment(
    dataset: Dataset, config: EffectiveConfig, *, input_location: str = ""
) -> dict[str, str]:
    """The variables in the original's order; one without a value is left out.

    Args:
        dataset: The task's dataset, with its tags.
        config: The task's effective configuration.
        input_location: Where the list of the input files is.
    """
    variables = {
        **{name: _of(dataset.physics_tag, key) for name, key in _BEAMS.items()},
        "DETECTOR_VERSION": dataset.detector_version,
        "DETECTOR_CONFIG": dataset.detector_config,
        "JUG_XL_TAG": config.text("jug_xl_tag"),
        **{
            name: "true" if config.fields.get(field) else "false"
            for name, field in _SWITCHES.items()
        },
        "CSV_FILE": input_location,
        **(_background(dataset) if config.fields.get("bg_mixing") else {}),
    }
    return {name: value for name, value in variables.items() if value}


def _background(dataset: Dataset) -> dict[str, str]:
    """The background's parameters, from its own tag, else from the generator's as in the original.

    Tags of background came later than those of generators with background in them.
    """
    return {
        name: _of(dataset.background_tag, key) or _of(dataset.evgen_tag, key)
        for name, key in _BACKGROUND.items()
    }


def _of(tag: Tag | None, key: str) -> str:
    value = None if tag is None else (tag.parameters or {}).get(key)
    return "" if value is None else str(value)
