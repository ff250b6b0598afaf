"""Names at Rucio and requested paths, taken apart; campaigns and their families.

``/<STAGE>/<campaign>/<detector_config>/[<background>/]<suffix>``, ``/EVGEN/<suffix>`` and
``/volatile/eic/EPIC/EVGEN/<suffix>`` (ops contract sections 2.4 and 3.1).
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from flows.provenance.models import EVGEN

RECO: Final = "RECO"
"""The stage that a requested path must be found at (check_campaign.py asks for no other)."""

_BACKGROUND: Final = re.compile(r"(Bkg_[^/]+(?:(?:/[^/]+){1,3}?/\d+(?:\.\d+)?um)?)/(.+)")
_VERSION: Final = re.compile(r"\d+(?:\.\d+)+")
_FAMILY: Final = re.compile(r"\d+\.\d+")
_LEAST_SEGMENTS: Final = 4  # stage, campaign, detector_config, and something of a suffix


@dataclass(frozen=True, slots=True)
class ProducedName:
    """The name of a dataset at Rucio, in its parts.

    Attributes:
        name: as Rucio has it.
        campaign: the version it was made with, such as 26.05.0; EVGEN of an input.
        suffix: what a request names behind ``EVGEN/``, without slashes at its ends.
        background: ``Bkg_.../GoldCt/10um`` where it stands before the suffix, else empty.
    """

    name: str
    stage: str
    campaign: str
    detector_config: str
    suffix: str
    background: str = ""

    @property
    def rest(self) -> str:
        """Background and suffix, as they stand in the name."""
        return f"{self.background}/{self.suffix}" if self.background else self.suffix


def parse(name: str) -> ProducedName:
    """Take the name of a produced dataset or of a registered input apart.

    One that is too short to be either has no detector_config.
    """
    segments = [each for each in name.split("/") if each]
    if segments[:1] == [EVGEN]:
        return ProducedName(name, EVGEN, EVGEN, "", "/".join(segments[1:]))
    if len(segments) < _LEAST_SEGMENTS:
        stage, campaign, *rest = [*segments, "", ""][: max(2, len(segments))]
        return ProducedName(name, stage, campaign, "", "/".join(rest))
    stage, campaign, detector_config, *rest = segments
    joined = "/".join(rest)
    marked = _BACKGROUND.fullmatch(joined)
    background, suffix = marked.groups() if marked else ("", joined)
    return ProducedName(name, stage, campaign, detector_config, suffix, background)


def trimmed(path: str) -> str:
    """A requested path without what people leave at its end."""
    return path.strip().rstrip("/")


def suffix_of(path: str, root: str) -> str | None:
    """What stands behind the root in a trimmed path; None where it does not begin with it."""
    begin = root.rstrip("/") + "/"
    suffix = path.removeprefix(begin).strip("/")
    return suffix if path.startswith(begin) and suffix else None


def without_version(suffix: str) -> str:
    """The suffix with a mark instead of the generator's version.

    A segment holds one where it has a number of three parts (``DEMPgen-1.2.4``) or two numbers of
    two (``pythia8.316-1.0``): the mass of ``ma_0.1`` is none.
    """
    return "/".join(_unversioned(segment) for segment in suffix.split("/"))


def _unversioned(segment: str) -> str:
    numbers = _VERSION.findall(segment)
    is_version = len(numbers) > 1 or any(number.count(".") > 1 for number in numbers)
    return _VERSION.sub("*", segment) if is_version else segment


def version_in(suffix: str) -> str:
    """The segment that names the generator and its version; empty where there is none."""
    segments = suffix.split("/")
    return next((each for each in segments if _unversioned(each) != each), "")


def is_family(campaign: str) -> bool:
    """Whether the name (26.07) stands for every edition of it (26.07.0, 26.07.1)."""
    return _FAMILY.fullmatch(campaign) is not None


def is_edition(version: str, campaign: str) -> bool:
    """Whether what was made with `version` belongs to `campaign`."""
    return version == campaign or (is_family(campaign) and version.startswith(f"{campaign}."))


def are_related(campaign: str, other: str) -> bool:
    """Whether both are the same, or one is an edition of the other."""
    return is_edition(campaign, other) or is_edition(other, campaign)


def family_of(campaign: str) -> str:
    """The family that the campaign belongs to: sweeps of one family wait for each other."""
    found = _FAMILY.match(campaign)
    return found.group() if found else campaign


def patterns(stages: Iterable[str], campaign: str) -> list[str]:
    """What to ask Rucio for; the answers must be filtered with :func:`is_edition`."""
    versions = [campaign, f"{campaign}.*"] if is_family(campaign) else [campaign]
    return [f"/{stage}/{version}/*" for stage in stages for version in versions]
