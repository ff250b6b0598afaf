"""Catalogs of requests: good rows are read in full, bad ones are named with their line."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.pcs.domain import names
from api.pcs.domain.catalog_rows import (
    CatalogRow,
    read_catalog,
)
from flows.common.spreadsheet import BadRow, TableUnreadable

HEADER = (
    "DSC or PWG,Priority,Dataset Path,Generator/Dataset Version,Number of Events,Background,"
    "New Request,Pre-TDR Use,Early Science Use,Other Use,Description,Issue\n"
)
DIS = "/volatile/eic/EPIC/EVGEN/DIS/NC/pythia8.316-1.0/noRad/ep/10x100/q2_1to10"
GOOD = f'inclusive,1,{DIS},pythia8,2.75M,No,No,Maybe,Yes,alignment,"two\nlines",\n'


def read(text: str) -> list[CatalogRow | BadRow]:
    return list(read_catalog(HEADER + text).rows)


def test_a_row_is_read_in_full():
    [row] = read(GOOD)
    assert isinstance(row, CatalogRow)
    assert row.task_name == "EVGEN/DIS/NC/pythia8.316-1.0/noRad/ep/10x100/q2_1to10"
    assert row.import_name == "csv_import." + names.short_hash(f"{DIS}|pythia8")
    assert (row.requestor, row.priority, row.nevents) == ("inclusive", 1, 2_750_000)
    assert (row.new_request, row.pre_tdr_use, row.early_science_use) == (False, False, True)
    assert (row.other_use, row.description) == ("alignment", "two\nlines")
    assert row.raw["Pre-TDR Use"] == "Maybe"


def test_a_path_elsewhere_is_known_by_its_hash():
    [row] = read("a,1,/eos/EVGEN/x,v1,,,,,,,,\n")
    assert row.task_name == row.import_name


def test_lines_count_as_they_stand_in_the_file():
    found = read(GOOD + GOOD.replace("q2_1to10", "q2_10to100") + "a,b\n")
    assert [each.line for each in found] == [2, 4, 6]


BAD = [
    ("a,1,,,,,,,,,,\n", "Dataset Path: is empty"),
    ("a,1,/volatile/eic/EPIC/EVGEN/a b,,,,,,,,,\n", "Dataset Path: is not"),
    ("a,1,/volatile/eic/EPIC/EVGEN/../x,,,,,,,,,\n", "part"),
    ("a,1,/volatile/eic/EPIC/EVGEN//x,,,,,,,,,\n", "Dataset Path"),
    ("a,1,/volatile/eic/EPIC/EVGEN/$(id),,,,,,,,,\n", "Dataset Path"),
    (f"a,high,{DIS},,,,,,,,,\n", "Priority: must be a whole number, not 'high'"),
    (f"a,1,{DIS},,many,,,,,,,\n", "Number of Events: must be like"),
    (f"a,1,{DIS},,1.5,,,,,,,\n", "Number of Events"),
    (f"a,1,{DIS},,,,,perhaps,,,,\n", "Pre-TDR Use: must be Yes, No, Maybe or empty"),
    (f"a,1,{DIS},,,,,,,,,,x\n", "has 13 fields, the header 12"),
    (f"a,1,{DIS},,,,,,,,\udce9,\n", "Description: is not in UTF-8"),
    (f"a,1,{DIS},,,,,,,,\0,\n", "Description: has a null character"),
    (f'a,1,{DIS},"x\ny",,,,,,,,\n', "Generator/Dataset Version: must be one line"),
]


@pytest.mark.parametrize(("text", "reason"), BAD)
def test_a_bad_row_is_refused_by_its_column_and_the_others_are_read(text, reason):
    refused, good = read(text + GOOD)
    assert isinstance(refused, BadRow)
    assert reason in refused.reason
    assert refused.line == 2
    assert isinstance(good, CatalogRow)


def test_a_row_that_says_the_same_again_is_refused():
    assert read(GOOD + GOOD)[1] == BadRow(4, "says the same as line 2")


def test_a_row_without_its_last_fields_has_empty_ones():
    [short] = read(f"a,1,{DIS}\n")
    [whole] = read(f"a,1,{DIS},,,,,,,,,\n")
    assert isinstance(short, CatalogRow)
    assert short == whole


def test_line_ends_in_a_field_make_no_difference():
    unix, dos, mac = (
        read(GOOD.replace("two\nlines", f"two{end}lines")) for end in ("\n", "\r\n", "\r")
    )
    assert unix == dos == mac


def test_a_quote_that_is_never_closed_is_named_and_what_follows_is_read():
    refused, good = read('a,1,"/x\n' + GOOD.replace('"two\nlines"', ""))
    assert isinstance(refused, BadRow)
    assert (refused.line, "cannot be read" in refused.reason) == (2, True)
    assert isinstance(good, CatalogRow)


@pytest.mark.parametrize("text", ["", "a,b\n1,2\n", "\n", '"a'])
def test_a_text_without_the_header_is_no_catalog(text):
    with pytest.raises(TableUnreadable):
        read_catalog(text)


@given(st.text())
def test_whatever_follows_a_header_each_row_is_good_or_refused(text):
    assert all(isinstance(each, CatalogRow | BadRow) for each in read(text))
