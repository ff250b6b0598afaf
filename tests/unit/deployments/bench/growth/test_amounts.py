"""A new database has what one page of each list shows, so that a ratio is of growth alone."""

from __future__ import annotations

from deployments.bench.growth.amounts import ERROR_EVERY, FAILED_EVERY, TFS_AN_STF, Amounts

LONGEST_PAGE = 100


def test_each_list_of_a_new_database_fills_its_page():
    new = Amounts.of_a_day()
    assert new.requests // FAILED_EVERY > LONGEST_PAGE
    assert new.logs // ERROR_EVERY > LONGEST_PAGE
    assert new.run_stfs > LONGEST_PAGE
    assert new.executions > LONGEST_PAGE
    assert new.notifications > LONGEST_PAGE


def test_a_new_database_has_as_many_runs_as_a_full_one_and_next_to_none_of_its_rows():
    new, full = Amounts.of_a_day(), Amounts()
    assert new.runs == full.runs
    assert new.tfs == new.runs * new.run_stfs * TFS_AN_STF
    for name in ("events", "tfs", "requests", "logs"):
        assert getattr(new, name) < getattr(full, name) / 100
