"""Physics, beam and generator of generated events, read from their path. Pure.

Source: ops contract section 3.2 (the axes), 2.2 (the tags' parameters).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from api.pcs.domain.names import sample_problem, short_hash
from flows.common.axes import Axes, read_axes

_ANGLES: Final = re.compile(r"[0-9.]+to[0-9.]+deg", re.ASCII)
_GENERATOR: Final = re.compile(r"([A-Za-z][A-Za-z_]*[0-9.]*)-(\D*[0-9][A-Za-z0-9_.]*)", re.ASCII)
_UNKNOWN: Final = "none"


@dataclass(frozen=True, kw_only=True)
class EvgenPath:
    """The axes of a path, its angles and generator; what it does not hold is empty."""

    axes: Axes
    angular_range: str
    generator: str
    generator_version: str
    rest: tuple[str, ...]
    """The parts that are in no tag."""

    @property
    def category(self) -> str:
        """Name of the physics category of its tag."""
        return self.axes.family or _UNKNOWN

    def physics_parameters(self) -> dict[str, str]:
        """The parameters of its physics tag."""
        electron, _, hadron = self.axes.beam.partition("x")
        return {
            "process": self.axes.physics or _UNKNOWN,
            "beam_energy_electron": electron or _UNKNOWN,
            "beam_energy_hadron": hadron or _UNKNOWN,
        }

    def evgen_parameters(self) -> dict[str, str]:
        """The parameters of its event generation tag."""
        return {
            "generator": self.generator or _UNKNOWN,
            "generator_version": self.generator_version or _UNKNOWN,
        }


def read_path(path: str) -> EvgenPath:
    """The axes, angles and generator in the path."""
    parts = [part for part in path.strip("/").split("/") if part]
    below = parts[parts.index("EVGEN") + 1 :] if "EVGEN" in parts else parts
    axes = read_axes(below)
    generator = next((part for part in below if _GENERATOR.fullmatch(part)), "")
    named = _GENERATOR.fullmatch(generator)
    tagged = {axes.family, axes.current, axes.beam, generator}
    return EvgenPath(
        axes=axes,
        angular_range=next((part for part in below if _ANGLES.fullmatch(part)), ""),
        generator=named[1] if named else "",
        generator_version=named[2] if named else "",
        rest=tuple(part for part in below if part not in tagged),
    )


def sample_name(path: EvgenPath, key: str, *, longest: int) -> str:
    """A name for the sample: the parts that are in no tag, as a name may hold them.

    Args:
        path: The path that was read.
        key: What the sample is known by; its hash ends a name that would be too long.
        longest: Characters that there is room for.
    """
    name = "_".join(_slug(part) for part in path.rest)
    if name and (sample_problem(name) or not name[0].isalnum()):
        name = f"s_{name}"
    if len(name) <= longest:
        return name
    ending = f"_{short_hash(key, 8)}"
    return name[: longest - len(ending)].rstrip("._-") + ending


def _slug(part: str) -> str:
    """The part in letters, digits, ``.``, ``_`` and ``-``; charges become words."""
    text = part.replace("+", "plus").replace("=", "")
    if text.endswith("-"):
        text = text[:-1] + "minus"
    text = re.sub(r"[^A-Za-z0-9._-]", "_", text)
    return re.sub(r"([.-])[.-]+", r"\1", text).strip(".-")
