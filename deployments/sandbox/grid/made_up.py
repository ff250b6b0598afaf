"""Campaigns for the sandbox: made-up requests and what was produced of them, or those of files.

A made-up one is the same at every call.
"""

from __future__ import annotations

import csv
import io
import itertools
import random
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from blocks.errors import ProdOpsError
from deployments.sandbox.grid.listing import ListedDataset, parse_listing
from deployments.sandbox.grid.seed import campaign_of, scale

CAMPAIGN: Final = "26.11.0"
REQUESTS: Final = 405
DATASETS: Final = 370
FILES: Final = 100_000

EVGEN_ROOT: Final = "/volatile/eic/EPIC/EVGEN"
_PATH: Final = "Dataset Path"
_COLUMNS: Final = (
    "DSC or PWG", "Priority", _PATH, "Generator/Dataset Version", "Number of Events", "Background",
    "New Request", "Pre-TDR Use", "Early Science Use", "Other Use", "Description", "Issue",
)  # fmt: skip
_SEED: Final = 4
_CONFIG, _OTHER_CONFIG = "epic_craterlake", "epic_craterlake_10x100"
_BACKGROUND: Final = "Bkg_Exact1S_2us/GoldCt/10um"
FILE_DIRECTORY: Final = "EXCLUSIVE/UPSILON_ABCONV"
INPUT_ENDING: Final = ".hepmc3.tree.root"
_RSES: Final = ("BNL-XRD", "EIC-XRD", "JLAB-TAPE-SE", "ASGC-XRD", "CNAF-XRD")
_LEAST_FILES: Final = 5
_FILE_BYTES: Final = (50 * 10**6, 900 * 10**6)
_INCOMPLETE: Final = 0.12
# Of the requests: found exactly, only behind a background, in files, with another version.
_EXACT, _BEHIND, _IN_FILES, _VERSIONED = 300, 25, 6, 10
_TWICE: Final = 20


class ListingWithoutCampaign(ProdOpsError):
    """A listing does not say of which campaign it is."""


@dataclass(frozen=True)
class Campaign:
    """A campaign: its requests, as PCS imports them, and what Rucio holds of it."""

    name: str
    requests_csv: str
    datasets: tuple[ListedDataset, ...]

    @property
    def paths(self) -> list[str]:
        """The requested paths, in the order of the rows."""
        return requested_paths(self.requests_csv)


def made_up(
    *, requests: int = REQUESTS, datasets: int = DATASETS, files: int = FILES, name: str = CAMPAIGN
) -> Campaign:
    """A campaign of so many requests and datasets, with so many files in all.

    Where there are fewer than usual, each kind of request has its share.
    """
    chance = random.Random(_SEED)  # noqa: S311 - the same campaign each time is the point
    share = min(requests / REQUESTS, datasets / DATASETS)
    wanted = [f"{EVGEN_ROOT}/{suffix}" for suffix in _requested_suffixes(requests, share)]
    names = list(itertools.islice(_dataset_names(name, requests, share), datasets))
    return Campaign(name, _as_csv(wanted), tuple(_filled(names, files, chance)))


def given(listing: Path, requests_csv: Path | None, *, most_files: int) -> Campaign:
    """A campaign of a file that lists what was produced, with the requests of another.

    Raises:
        ListingWithoutCampaign: Its datasets are not of one campaign.
    """
    listed = parse_listing(listing.read_text(encoding="utf-8"))
    names = {campaign_of(dataset.name) or "none" for dataset in listed}
    if len(names) != 1 or "none" in names:
        found = ", ".join(sorted(names)) or "none, since it names no dataset"
        raise ListingWithoutCampaign(f"{listing} must be of one campaign; it is of {found}")
    [name] = names
    asked = _as_csv([]) if requests_csv is None else requests_csv.read_text(encoding="utf-8")
    return Campaign(name, asked, tuple(scale(listed, files_scale=None, max_files=most_files)))


def _number(count: int, share: float) -> int:
    return max(1, int(count * share))


def _requested_suffixes(requests: int, share: float) -> list[str]:
    in_files = _number(_IN_FILES, share)
    base = FILE_DIRECTORY.rpartition("/")[2]
    # Files are numbered from 0000: the last two requests are of files that nobody made.
    files = [f"{base}.{'9' * (4 if n >= in_files - 2 else 0)}{n:03}" for n in range(in_files)]
    single = [f"{FILE_DIRECTORY}/{each}{INPUT_ENDING}" for each in files]
    return [*(_suffix(number) for number in range(requests - in_files)), *single]


def _suffix(number: int, version: str = "1.0") -> str:
    """A different one for each number, in the forms that requests have."""
    process = ("DIS/NC/noRad", "DIS/CC", "SIDIS/D0_ABCONV", "EXCLUSIVE/DVCS_ABCONV")[number % 4]
    beam = ("5x41", "10x100", "10x130", "18x275")[number // 4 % 4]
    low = number // 16
    return f"{process}/pythia8.316-{version}/ep/{beam}/q2_{low}to{low + 10}"


def _dataset_names(campaign: str, requests: int, share: float) -> Iterator[str]:
    exact, behind = _number(_EXACT, share), _number(_BEHIND, share)
    top = f"/RECO/{campaign}"
    for number in range(exact):
        yield f"{top}/{_CONFIG}/{_suffix(number)}"
    for number in range(exact, exact + behind):
        yield f"{top}/{_CONFIG}/{_BACKGROUND}/{_suffix(number)}"
    for number in range(exact + behind, exact + behind + _number(_VERSIONED, share)):
        yield f"{top}/{_CONFIG}/{_suffix(number, version='1.1')}"
    yield f"{top}/{_CONFIG}/{FILE_DIRECTORY}"
    for number in range(_number(_TWICE, share)):
        where = _BACKGROUND if number % 4 == 0 else ""
        yield "/".join(part for part in (top, _OTHER_CONFIG, where, _suffix(number)) if part)
    for number in itertools.count(requests):  # nobody asked for the rest
        yield f"{top}/{_CONFIG}/{_suffix(number)}"


def _filled(names: Sequence[str], files: int, chance: random.Random) -> Iterator[ListedDataset]:
    weights = [chance.lognormvariate(0, 1) for _ in names]
    spare = files - _LEAST_FILES * len(names)
    counts = [_LEAST_FILES + int(spare * weight / sum(weights)) for weight in weights]
    counts[0] += files - sum(counts)
    for name, count in zip(names, counts, strict=True):
        rses = {
            rse: (_available(count, chance), count)
            for rse in sorted(chance.sample(_RSES, chance.choice((2, 3))))
        }
        yield ListedDataset(name, rses, count, count * chance.randint(*_FILE_BYTES))


def _available(count: int, chance: random.Random) -> int:
    if chance.random() > _INCOMPLETE:
        return count
    return chance.randrange(1, count)


# ------------------------------------------------------------------ tables of requests


def requested_paths(text: str) -> list[str]:
    """The requested paths of a table of requests; a field may hold line breaks."""
    return [row[_PATH].strip() for row in csv.DictReader(io.StringIO(text, newline=""))]


def _as_csv(paths: Iterable[str]) -> str:
    out = io.StringIO(newline="")
    writer = csv.DictWriter(out, _COLUMNS, restval="")
    writer.writeheader()
    for number, path in enumerate(paths):
        row = {"DSC or PWG": "inclusive", "Priority": number % 3 + 1, _PATH: path}
        writer.writerow(row | {"Background": "No", "Pre-TDR Use": "Yes", "Description": "made up"})
    return out.getvalue()
