"""The table of requests is written as it was read, with one column more."""

from __future__ import annotations

import pytest

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
