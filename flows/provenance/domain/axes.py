"""The axes of a produced dataset that peers filter by (ops contract section 3.2)."""

from __future__ import annotations

import re
from typing import Final

_PHYSICS: Final = ("DIS", "SIDIS", "DDIS", "EXCLUSIVE", "SINGLE", "BACKGROUNDS")
_CURRENTS: Final = ("NC", "CC")
_BEAM: Final = re.compile(r"[0-9]+x[0-9]+", re.ASCII)
_Q2: Final = re.compile(r"minQ2=[0-9]+|q2_[0-9]+(?:(?:to|_)[0-9]+)?", re.ASCII)


def axes(detector_config: str, suffix: str) -> dict[str, str]:
    """Detector, beam, physics, q2, species and energy, as far as the name tells them."""
    parts = suffix.split("/")
    family = next((part for part in parts if part in _PHYSICS), "")
    current = next((part for part in parts if part in _CURRENTS), "") if family == "DIS" else ""
    species, energy, *_ = [*_after_single(parts), "", ""]
    told = {
        "detector": detector_config,
        "beam": next((part for part in parts if _BEAM.fullmatch(part)), ""),
        "physics": current or family,
        "q2": next((part for part in parts if _Q2.fullmatch(part)), ""),
        "species": species,
        "energy": energy,
    }
    return {name: value for name, value in told.items() if value}


def _after_single(parts: list[str]) -> list[str]:
    return parts[parts.index("SINGLE") + 1 :] if "SINGLE" in parts else []
