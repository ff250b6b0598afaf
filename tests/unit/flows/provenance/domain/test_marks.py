"""Marks of requested paths: the table they are written to, wildcards, and containers' files."""

from __future__ import annotations

import pytest

from flows.provenance.domain import marks
from flows.provenance.domain.marks import read_requests, written

TEXT = "Priority,Dataset Path,Description\r\n1,/a,x\r\n2,/b\r\n"


@pytest.mark.parametrize("separator", [",", ";", "\t"])
@pytest.mark.parametrize("mark", ["", "\ufeff"])
def test_the_table_keeps_its_separator_and_loses_its_byte_order_mark(separator, mark):
    table = read_requests(mark + TEXT.replace(",", separator))
    wanted = "Priority,In 26.04?,Dataset Path,Description\r\n1,X,/a,x\r\n2,,/b,\r\n"
    assert written(table, "26.04", ["/a"]) == wanted.replace(",", separator)
    assert table.refused == ()


def test_rows_that_cannot_be_read_are_kept_apart():
    table = read_requests(TEXT + "3,/c,y,z\r\n4,/d,\udce9\r\n5,/e,\r\n")
    assert table.paths == ("/a", "/b", "/e")
    assert [row.line for row in table.refused] == [4, 5]


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
