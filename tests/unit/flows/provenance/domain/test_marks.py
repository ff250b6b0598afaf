"""The hand script's marks: Rucio's wildcards in a requested path, and the files of containers."""

from __future__ import annotations

import pytest

from flows.provenance.domain import marks

ROOT = "/volatile/eic/EPIC/EVGEN"
AT = "/RECO/26.05.0/epic_craterlake"
NAMES = [f"{AT}/DIS/NC/10x100/minQ2=1", f"{AT}/DIS/5x41/q_x", "/RECO/26.05.0", "/RECOS/26.05.0/a"]


@pytest.mark.parametrize(
    ("suffix", "number"),
    [
        ("DIS/*/minQ2=1", 1), ("DIS/*", 2), ("*", 2), ("DIS/%_x", 1), ("DIS/5x41/q%", 1),
        ("DIS/NC/10x100/minQ2=1*", 1), ("DIS/*/minQ2=2", 0), ("DIS/5x41/q?x", 0),
        ("DIS/5x41/*.x", 0), ("DIS/5x41/q[_]*", 0),
    ],
)  # fmt: skip
def test_a_star_stands_for_any_text_and_other_signs_for_themselves(suffix: str, number: int):
    path = f"{ROOT}/{suffix}"
    found = marks.marked("26.05", [path], NAMES, [])
    assert len(found.get(path, [])) == number


def test_a_single_file_is_looked_for_by_its_name_even_with_a_star():
    made = f"{AT}/EXCLUSIVE/UPSILON_ABCONV/a.0001.eicrecon.edm4eic.root"
    asked = [f"{ROOT}/EXCLUSIVE/UPSILON_ABCONV/{name}.hepmc3.tree.root" for name in ("a", "*", "b")]
    assert marks.marked("26.05", asked, [], [made]) == {asked[0]: [made]}
