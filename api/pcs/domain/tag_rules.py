"""The parameters of each kind of tag, and how tags are numbered. Pure (contract section 2.2)."""

from __future__ import annotations

from typing import Any, Final

from api.pcs.models import TagKind

REQUIRED: Final = {
    TagKind.PHYSICS: ("process", "beam_energy_electron", "beam_energy_hadron"),
    TagKind.EVGEN: ("generator", "generator_version"),
    TagKind.SIMU: ("detector_sim", "sim_version"),
    TagKind.RECO: ("reco_version", "reco_config"),
    TagKind.BACKGROUND: ("background_type",),
}
MAX_PHYSICS_SUFFIX: Final = 999
"""A physics tag's number is its category's digit, then three digits that all categories share."""
_MAX_TEXT: Final = 1000


def parameter_problems(kind: TagKind, parameters: dict[str, Any]) -> list[str]:
    """Why a tag of the kind cannot have these parameters; empty where it can."""
    missing = [
        f"{name} is required." for name in REQUIRED[kind] if not str(parameters.get(name, ""))
    ]
    bad = [
        f"{name}: must be a text or a number of at most {_MAX_TEXT} characters."
        for name, value in parameters.items()
        if not _is_open_value(value)
    ]
    return missing + bad


def _is_open_value(value: object) -> bool:
    is_plain = isinstance(value, str | int | float) and not isinstance(value, bool)
    return is_plain and len(str(value)) <= _MAX_TEXT
