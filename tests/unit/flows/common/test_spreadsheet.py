"""Tables as spreadsheets write them: good rows are read, each bad one is named by its line."""

from __future__ import annotations

import codecs

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flows.common.spreadsheet import BadRow, Row, Table, TableUnreadable, decoded, read_table

TEXT = "path,n,note\n/a,1,x\n/b,2,\n"
ROWS = [
    Row(2, {"path": "/a", "n": "1", "note": "x"}), Row(3, {"path": "/b", "n": "2", "note": ""})
]  # fmt: skip


def table(text: str | bytes) -> Table:
    return read_table(text if isinstance(text, str) else decoded(text), needed=("path",))


def rows(text: str | bytes) -> list[Row | BadRow]:
    return list(table(text).rows)


FILES = {
    "utf-8": TEXT.encode(),
    "a byte order mark": codecs.BOM_UTF8 + TEXT.encode(),
    "a mark before a quoted name": codecs.BOM_UTF8 + TEXT.replace("path", '"path"').encode(),
    "utf-16, little endian": codecs.BOM_UTF16_LE + TEXT.encode("utf-16-le"),
    "utf-16, big endian": codecs.BOM_UTF16_BE + TEXT.encode("utf-16-be"),
    "utf-16 with tabs": TEXT.replace(",", "\t").encode("utf-16"),
    "semicolons": TEXT.replace(",", ";").encode(),
    "tabs": TEXT.replace(",", "\t").encode(),
    "lines of dos": TEXT.replace("\n", "\r\n").encode(),
    "lines of old macs": TEXT.replace("\n", "\r").encode(),
    "no last line end": TEXT.rstrip("\n").encode(),
    "blanks around the names": TEXT.replace("path,n", " path , n").encode(),
    "columns without a name": TEXT.replace("note", "note,,").replace("x\n", "x,,\n").encode(),
    "short rows": TEXT.replace("/b,2,", "/b,2").encode(),
    "empty fields too many": TEXT.replace("/b,2,", "/b,2,,,,").encode(),
}


@pytest.mark.parametrize("raw", FILES.values(), ids=FILES)
def test_the_rows_are_the_same_however_the_table_is_written(raw):
    assert rows(raw) == ROWS


@pytest.mark.parametrize(("separator", "word"), [(",", "comma"), (";", "semicolon"), ("\t", "tab")])
def test_the_separator_is_named(separator, word):
    assert table(TEXT.replace(",", separator)).separated_by == word


def test_a_first_line_that_says_the_separator_is_no_header():
    assert [row.line for row in rows("sep=;\r\n" + TEXT.replace(",", ";"))] == [3, 4]


def test_a_table_of_one_column_needs_no_separator():
    assert rows("path\n/a\n\n/b\n") == [Row(2, {"path": "/a"}), Row(4, {"path": "/b"})]


def test_rows_in_another_encoding_are_named_and_the_others_read():
    latin = "path,note\n/a,é\n/b,e\n/c,ü\n".encode("latin-1")
    assert rows(latin) == [
        BadRow(2, "note: is not in UTF-8"),
        Row(3, {"path": "/b", "note": "e"}),
        BadRow(4, "note: is not in UTF-8"),
    ]


@pytest.mark.parametrize(
    ("bad", "reason"),
    [
        ("/x,1,a,b\n", "has 4 fields, the header 3"),
        ('/x,"a"b,\n', "cannot be read: ',' expected after '\"'"),
        ("/x,\0,\n", "n: has a null character"),
        (f"/x,{'9' * 140_000},\n", "cannot be read: field larger than field limit (131072)"),
    ],
)
def test_a_bad_row_is_named_and_the_others_read(bad, reason):
    good = "/a,1,x\n"
    assert rows(f"path,n,note\n{good}{bad}{good}") == [
        ROWS[0], BadRow(3, reason), Row(4, ROWS[0].fields)
    ]  # fmt: skip


def test_a_quote_that_is_not_closed_swallows_nothing():
    found = rows('path,n\n/a,"\n/b,2\n/c,3\n')
    assert [each.line for each in found] == [2, 3, 4]
    assert [isinstance(each, BadRow) for each in found] == [True, False, False]


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "no column 'path'"),
        ("a,b\n", "no column 'path'"),
        ("a|path|b\n", "separated by comma, semicolon, tab"),
        ('"path\n', "the header cannot be read"),
        ("path,n,n\n", "has the column 'n' twice"),
        (b"\xff\xfea\x00b", "begins as UTF-16"),
        (TEXT.encode("utf-16-le"), "no column 'path'"),
    ],
)
def test_what_has_no_header_is_no_table(text, reason):
    with pytest.raises(TableUnreadable, match=reason):
        table(text)


@given(st.binary())
def test_any_bytes_are_a_table_or_are_refused(raw):
    try:
        found = rows(b"path,n\n" + raw)
    except TableUnreadable:
        return
    assert [each.line for each in found] == sorted({each.line for each in found})
