"""The found/not-found markers of a campaign: by names alone, and as the hand script finds them.

That asks `rucio` in a process for each request (check_campaign.py, ops contract section 3.6).
"""

from __future__ import annotations

import os
import random
import re
import subprocess
import sys
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Final

from blocks.rucio_catalog import RucioAccess, RucioCatalog
from deployments.bench.common.figures import median
from deployments.bench.common.stack import BenchBroken, say
from deployments.sandbox.grid import access
from deployments.sandbox.grid.grid import Grid
from deployments.sandbox.grid.listing import ListedDataset
from deployments.sandbox.grid.made_up import EVGEN_ROOT, FILE_DIRECTORY, INPUT_ENDING, Campaign
from deployments.sandbox.grid.seed import SCOPE, files_of
from flows.provenance.domain.join import Requested, asked_for_files, markers
from flows.provenance.domain.names import RECO, suffix_of, trimmed
from flows.provenance.tasks.rucio import list_names

_RUNS: Final = 7
_LEAST_PROCESSES: Final = 60
_PROCESSES_SECONDS: Final = 300.0
_SEED: Final = 4
_SAY_EVERY: Final = 100
_PATIENCE_SECONDS: Final = 30.0
_OUTPUT_ENDING: Final = ".eicrecon.edm4eic.root"
_PRODUCED: Final = f"{SCOPE}:/RECO/"
_CONFIGURATION: Final = """\
[client]
rucio_host = {url}
auth_host = {url}
auth_type = userpass
username = {account}
password = {password}
account = {account}
ca_cert = {ca_file}
request_retries = 1
auth_token_file_path = {token}
"""


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


def alone(grid: Grid, campaign: Campaign) -> tuple[set[str], list[float]]:
    """Find the markers several times: Rucio is asked for names, and nothing is kept.

    Returns:
        The paths that are found, and the seconds of each time; the first connects and signs in.
    """
    requested = [
        Requested(bare, suffix_of(bare, EVGEN_ROOT) or "") for bare in map(trimmed, campaign.paths)
    ]
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
        for _ in range(_RUNS + 1):
            began = time.monotonic()
            found = _found(catalog, campaign.name, requested)
            spent.append(time.monotonic() - began)
    say(f"markers alone: {median(spent[1:]):.3f} s")
    return found, spent


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
        if time.monotonic() > deadline and len(asked) >= _LEAST_PROCESSES:
            break
        asked[path] = script.ask(campaign.name, path)
        if len(asked) % _SAY_EVERY == 0:
            say(f"{len(asked)} processes")
    return OneByOne(asked, len(paths))


def _found(catalog: RucioCatalog, campaign: str, requested: Sequence[Requested]) -> set[str]:
    listed = list_names(catalog, SCOPE, campaign, [RECO])
    files: dict[str, list[str]] = {}
    for each in catalog.files_of(SCOPE, sorted(asked_for_files(requested, listed))):
        files.setdefault(each.dataset, []).append(each.name)
    return markers(requested, listed, files)


# ------------------------------------------------------------------ the hand script


@dataclass(frozen=True)
class Asked:
    """What came of one request: whether it was found, and what its `rucio did list` took."""

    is_found: bool
    seconds: float


def expected_markers(
    campaign: str, datasets: Sequence[ListedDataset], paths: Iterable[str]
) -> set[str]:
    """The paths that the script must find where Rucio holds just these datasets."""
    holding = {dataset.name: dataset for dataset in datasets}
    return {path for path in paths if _is_held(campaign, holding, path)}


def _is_held(campaign: str, holding: dict[str, ListedDataset], path: str) -> bool:
    asked = _tail(path)
    if asked is None:
        return False
    pattern = re.compile(f"/RECO.*{re.escape(campaign)}.*/{re.escape(asked)}")
    matching = [dataset for name, dataset in holding.items() if pattern.fullmatch(name)]
    if not is_of_file(path):
        return bool(matching)
    files = [each.name for dataset in matching for each in files_of(dataset)]
    return _is_made(path, files)


def is_of_file(path: str) -> bool:
    """Whether the request names a single file, which the script looks for in its own way."""
    return f"/{FILE_DIRECTORY}/" in path


def _tail(path: str) -> str | None:
    """What the names of datasets that count must end with; None: the script asks nothing."""
    if not path.startswith(f"{EVGEN_ROOT}/"):
        return None
    if is_of_file(path):
        return FILE_DIRECTORY
    return path.removeprefix(f"{EVGEN_ROOT}/").strip("/")


def _is_made(path: str, files: Iterable[str]) -> bool:
    base = path.rpartition("/")[2].removesuffix(INPUT_ENDING)
    return any(base in each and each.endswith(_OUTPUT_ENDING) for each in files)


class HandScript:
    """The script's way to look: a process of `rucio` for each request.

    Args:
        grid: The grid, running.
        place: A private directory for its configuration, which is made.
    """

    def __init__(self, grid: Grid, place: Path) -> None:
        (place / "etc").mkdir(parents=True, mode=0o700)
        configuration = place / "etc" / "rucio.cfg"
        configuration.touch(mode=0o600)
        configuration.write_text(
            _CONFIGURATION.format(
                url=grid.url,
                account=access.READER,
                password=grid.password_file().read_text().strip(),
                ca_file=grid.ca_file,
                token=place / "token",
            )
        )
        path = os.environ.get("PATH", os.defpath)
        self._environment = {"PATH": path, "HOME": str(place), "RUCIO_HOME": str(place)}

    def ask(self, campaign: str, path: str) -> Asked:
        """Look for one request; what is looked at beyond the first process is not timed."""
        tail = _tail(path)
        if tail is None:
            return Asked(is_found=False, seconds=0.0)
        began = time.monotonic()
        listed = self._run("did", "list", "--short", f"{SCOPE}:/RECO*{campaign}*/{tail}")
        seconds = time.monotonic() - began
        found = [line for line in listed if line.startswith(_PRODUCED)]
        if not is_of_file(path):
            return Asked(bool(found), seconds)
        files = (self._run("did", "content", "list", "--short", did) for did in found)
        return Asked(_is_made(path, chain.from_iterable(files)), seconds)

    def _run(self, *arguments: str) -> list[str]:
        program = Path(sys.prefix) / "bin" / "rucio"
        done = subprocess.run(
            [program, *arguments],
            env=self._environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=_PATIENCE_SECONDS,
            check=False,
        )
        if done.returncode != 0:
            raise BenchBroken(f"rucio {' '.join(arguments)}: {done.stderr.strip()[-300:]}")
        return [line.strip() for line in done.stdout.splitlines()]
