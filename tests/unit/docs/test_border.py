"""Each clause of the border's table is tried by a test that names it."""

from tests.e2e.deployments.install import border, test_border_asking, test_border_writing

assert test_border_asking  # which registers what it tries
assert test_border_writing


def test_no_clause_of_the_table_is_untried():
    assert border.untried() == []


def test_no_test_tries_what_is_not_written():
    assert border.unwritten() == []


def test_a_new_clause_is_noticed(monkeypatch):
    found = border.cells()
    found[border.Side.CAN].append("walk through walls")
    monkeypatch.setattr(border, "cells", lambda: found)
    assert border.untried() == ["it can: walk through walls"]
