"""The axes of a sample that its path names: physics, beam, q2, species, energy. Pure.

Source: ops contract section 3.2.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

_FAMILIES: Final = ("DIS", "SIDIS", "DDIS", "EXCLUSIVE", "SINGLE", "BACKGROUNDS")
_CURRENTS: Final = ("NC", "CC")
_BEAM: Final = re.compile(r"[0-9]+x[0-9]+", re.ASCII)
_Q2: Final = re.compile(r"minQ2=[0-9]+|q2_[0-9]+(?:(?:to|_)[0-9]+)?", re.ASCII)


@dataclass(frozen=True, kw_only=True)
class Axes:
    """What a path says of its sample; an axis that it does not name is empty."""

    family: str
    current: str
    beam: str
    q2: str
    species: str
    energy: str

    @property
    def physics(self) -> str:
        """The current of deep inelastic scattering, else the family."""
        return self.current or self.family

    def filters(self, detector: str) -> dict[str, str]:
        """The axes that peers filter by, as far as the path names them."""
        axes = {
            "detector": detector,
            "beam": self.beam,
            "physics": self.physics,
            "q2": self.q2,
            "species": self.species,
            "energy": self.energy,
        }
        return {name: value for name, value in axes.items() if value}


def read_axes(parts: Sequence[str]) -> Axes:
    """The axes that the parts of a path name, from below EVGEN or the detector on."""
    family = next((part for part in parts if part in _FAMILIES), "")
    after = [*parts[list(parts).index("SINGLE") + 1 :], "", ""] if family == "SINGLE" else ["", ""]
    return Axes(
        family=family,
        current=next((part for part in parts if part in _CURRENTS), "") if family == "DIS" else "",
        beam=next((part for part in parts if _BEAM.fullmatch(part)), ""),
        q2=next((part for part in parts if _Q2.fullmatch(part)), ""),
        species=after[0],
        energy=after[1],
    )
