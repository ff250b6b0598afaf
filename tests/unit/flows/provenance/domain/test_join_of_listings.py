"""The join on the real requests and listings, against what the hand script asks Rucio."""

from __future__ import annotations

import csv
import re
from pathlib import Path

import pytest

from flows.provenance.domain import names
from flows.provenance.domain.join import Requested, join, markers
from flows.provenance.models import Rule

DATA = Path(__file__).parents[6] / "shared" / "data"
ROOT = "/volatile/eic/EPIC/EVGEN"
LISTINGS = sorted((DATA / "produced").glob("RECO-*.txt")) if DATA.is_dir() else []

pytestmark = pytest.mark.skipif(not LISTINGS, reason="the real listings are not on this machine")


def requests() -> list[Requested]:
    with (DATA / "requests" / "datasets.csv").open(newline="") as file:
        paths = [names.trimmed(row["Dataset Path"]) for row in csv.DictReader(file)]
    return [Requested(path, names.suffix_of(path, ROOT) or "") for path in paths]


def produced(listing: Path) -> list[str]:
    return re.findall(r"^=== epic:(/\S+) ===$", listing.read_text(), re.MULTILINE)


@pytest.mark.parametrize("listing", LISTINGS, ids=lambda path: path.stem)
def test_the_markers_are_those_of_one_query_for_each_request(listing: Path):
    campaign = listing.stem.removeprefix("RECO-")
    listed = produced(listing)
    asked = requests()
    by_query = {
        each.path
        for each in asked
        for name in listed
        # rucio did list --short "epic:/RECO*<campaign>*/<suffix>"
        if re.fullmatch(rf"/RECO.*{re.escape(campaign)}.*/{re.escape(each.suffix)}", name)
    }
    assert markers(asked, [names.parse(name) for name in listed]) == by_query
    assert by_query


@pytest.mark.parametrize("listing", LISTINGS, ids=lambda path: path.stem)
def test_every_dataset_has_one_owner_at_most_and_backgrounds_have_theirs(listing: Path):
    parsed = [names.parse(name) for name in produced(listing)]
    joined = join(requests(), parsed)
    behind = {each.name for each in parsed if each.background}
    by_rule = {match.name for match in joined.matches if match.rule is Rule.BACKGROUND}
    assert by_rule <= behind
    assert len(joined.owners) == len({match.name for match in joined.matches if match.rule
                                      is not Rule.VERSION})  # fmt: skip
