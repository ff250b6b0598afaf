"""The found/not-found markers of a campaign alone: by names from Rucio, and one process each."""

from __future__ import annotations

import random
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from blocks.rucio_catalog import RucioAccess, RucioCatalog
from deployments.bench.common.figures import median
from deployments.bench.common.stack import say
from deployments.bench.sweep_hand_script import Asked, HandScript
from deployments.sandbox.grid import access, seed
from deployments.sandbox.grid.grid import Grid
from deployments.sandbox.grid.made_up import EVGEN_ROOT, Campaign
from flows.provenance.domain.join import Requested, asked_for_files, markers
from flows.provenance.domain.names import RECO, suffix_of, trimmed
from flows.provenance.reading import list_names

RUNS: Final = 7
LEAST_PROCESSES: Final = 60
_PROCESSES_SECONDS: Final = 300.0
_SEED: Final = 4
_SAY_EVERY: Final = 100


@dataclass(frozen=True)
class Markers:
    """The markers of a campaign, and what it took to find them.

    Attributes:
        found: The paths that are found.
        cold: Seconds of the first time, with connecting and signing in.
        warm: Seconds of each further time.
    """

    found: set[str]
    cold: float
    warm: list[float]


@dataclass(frozen=True)
class OneByOne:
    """What processes of rucio said, of each path that was asked for.

    Attributes:
        asked: By path; all of them, or a sample where all would have taken too long.
        paths: How many paths there are.
    """

    asked: dict[str, Asked]
    paths: int

    @property
    def seconds(self) -> float:
        """Of a process for each path, one after another; of a sample, extrapolated."""
        return sum(each.seconds for each in self.asked.values()) * self.paths / len(self.asked)

    def differences(self, found: set[str]) -> list[str]:
        """The paths of which the processes say otherwise, in words."""
        return [
            f"{path}: rucio says {'found' if each.is_found else 'not found'}, the marker does not"
            for path, each in self.asked.items()
            if each.is_found != (path in found)
        ]


def alone(grid: Grid, campaign: Campaign, *, runs: int = RUNS) -> Markers:
    """Find the markers several times: Rucio is asked for names, and nothing is kept."""
    requested = [_requested(path) for path in campaign.paths]
    reader = RucioAccess(
        url=grid.url,
        account=access.READER,
        username=access.READER,
        password_file=grid.password_file(),
        ca_file=grid.ca_file,
    )
    found: set[str] = set()
    spent: list[float] = []
    with RucioCatalog(reader) as catalog:
        for _ in range(runs + 1):
            began = time.monotonic()
            found = _found(catalog, campaign.name, requested)
            spent.append(time.monotonic() - began)
    say(f"markers alone: {median(spent[1:]):.3f} s")
    return Markers(found, spent[0], spent[1:])


def one_by_one(grid: Grid, campaign: Campaign, place: Path) -> OneByOne:
    """Ask a process of rucio for each request, in random order, for 5 minutes at most.

    Args:
        grid: The grid, running.
        campaign: Whose requests.
        place: A private directory that is made, for rucio's configuration.
    """
    script = HandScript(grid, place)
    paths = campaign.paths
    script.ask(campaign.name, paths[0])  # signs in, and warms the disk
    say(f"a process of rucio for each of {len(paths)} requests")
    asked: dict[str, Asked] = {}
    deadline = time.monotonic() + _PROCESSES_SECONDS
    for path in random.Random(_SEED).sample(paths, len(paths)):  # noqa: S311 - a sample
        if time.monotonic() > deadline and len(asked) >= LEAST_PROCESSES:
            break
        asked[path] = script.ask(campaign.name, path)
        if len(asked) % _SAY_EVERY == 0:
            say(f"{len(asked)} processes")
    return OneByOne(asked, len(paths))


def _requested(path: str) -> Requested:
    bare = trimmed(path)
    return Requested(bare, suffix_of(bare, EVGEN_ROOT) or "")


def _found(catalog: RucioCatalog, campaign: str, requested: Sequence[Requested]) -> set[str]:
    listed = list_names(catalog, seed.SCOPE, campaign, [RECO])
    files: dict[str, list[str]] = {}
    for each in catalog.files_of(seed.SCOPE, sorted(asked_for_files(requested, listed))):
        files.setdefault(each.dataset, []).append(each.name)
    return markers(requested, listed, files)
