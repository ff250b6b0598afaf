"""The page of the logs: found by each filter, paged by key, and shown as it was written."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import insert

from api.logs import pages, queries
from flows.agents.models import AppLog
from flows.common.database import transaction
from flows.common.models import Request
from tests.cases import same

pytestmark = pytest.mark.integration

AT = datetime(2026, 8, 1, 12, tzinfo=UTC)
RUN = "05720fdf-477c-41af-9932-1b8646b4d3cd"
LEVELS = {"INFO": 20, "WARNING": 30, "ERROR": 40}


def record(second: float, message: str, *, level: str = "INFO", **more: Any) -> dict[str, Any]:
    return {
        "app_name": "worker", "instance_name": "here:7",
        "timestamp": AT + timedelta(seconds=second), "level": LEVELS[level],
        "levelname": level, "message": message, "module": "m",
        "funcname": "f", "lineno": 1, "process": 7, "thread": 1, "extra_data": None, **more,
    }  # fmt: skip


def log(database, *records: dict[str, Any]) -> None:
    with transaction(database.ops_engine) as session:
        session.execute(insert(AppLog), list(records))


@pytest.fixture
def few(database) -> None:
    log(
        database,
        record(0, "it begins", extra_data={"request_id": "41", "flow_run_id": RUN, "action": "a"}),
        record(1, "100 % done_", level="WARNING"),
        record(2, "it failed", level="ERROR", app_name="web"),
        record(3, "of another", extra_data={"request_id": "42"}),
    )


def lines(api, query: str = "") -> list[str]:
    """The messages on the page, in their order."""
    answer = api.get(f"/logs/{query}")
    assert answer.status_code == 200, answer.text
    found = re.findall(r'class="wide message">(?:<details><summary>)?([^<]*)', answer.text)
    return [each.strip() for each in found]


def link(api, query: str, name: str) -> str:
    found = re.search(rf'id="{name}" href="([^"]*)"', api.get(f"/logs/{query}").text)
    return found[1].replace("&amp;", "&") if found else ""


@pytest.mark.parametrize(
    ("query", "found"),
    same(
        ("", ["of another", "it failed", "100 % done_", "it begins"]),
        ("?level=WARNING", ["it failed", "100 % done_"]),
        ("?part=web", ["it failed"]),
        ("?request=41", ["it begins"]),
        (f"?run={RUN.upper()}", ["it begins"]),
        ("?text=IT", ["it failed", "it begins"]),
        ("?text=0+%25+d", ["100 % done_"]),
        ("?text=e_", ["100 % done_"]),
        ("?since=2026-08-01T12:00:01&until=2026-08-01T12:00:03", ["it failed", "100 % done_"]),
        ("?level=ERROR&part=worker", []),
    ),
)
def test_records_are_found_by_each_filter_newest_first(api, few, query, found):
    assert lines(api, query) == found


def test_each_record_is_on_one_page_also_among_many_of_one_time(api, database, monkeypatch):
    monkeypatch.setattr(pages, "_SHOWN", 4)
    log(database, *[record(number // 6, f"{number}") for number in range(18)])
    query, shown = "", []
    while query is not None:
        shown += lines(api, query)
        query = link(api, query, "older") or None
    assert shown == [f"{number}" for number in reversed(range(18))]


def test_newer_lines_go_on_from_the_first_and_keep_the_search(api, database, monkeypatch):
    monkeypatch.setattr(pages, "_SHOWN", 2)
    log(database, record(0, "a 0"), record(1, "b"))
    newer = link(api, "?text=a", "newer")
    assert lines(api, newer) == []
    log(database, *[record(number, f"a {number}") for number in (2, 3, 4)])
    assert lines(api, newer) == ["a 3", "a 2"]
    assert lines(api, link(api, newer, "newer")) == ["a 4"]


def test_a_text_is_looked_for_in_a_bounded_number_which_is_said(api, database, monkeypatch):
    monkeypatch.setattr(queries, "MOST_SCANNED", 3)
    log(database, *[record(number, "needle" if number < 2 else "hay") for number in range(6)])
    assert lines(api, "?text=needle") == []
    assert "looked for in the lines since" in api.get("/logs/?text=needle").text
    assert lines(api, link(api, "?text=needle", "older")) == ["needle", "needle"]


def test_levels_are_counted_whatever_level_and_text_are_searched_for(api, few):
    page = api.get("/logs/?part=worker&level=ERROR&text=x").text
    numbers = dict(re.findall(r'data-level="(\w+)"[^>]*>\w+ <b>(\d+)</b>', page))
    assert numbers == {"DEBUG": "0", "INFO": "2", "WARNING": "1", "ERROR": "0", "CRITICAL": "0"}


def test_a_line_leads_to_its_request_and_its_run_and_a_request_to_its_lines(api, few, database):
    page = api.get("/logs/?request=41").text
    assert 'href="/requests/41/"' in page
    assert f'href="?run={RUN}"' in page
    asked = {"action": "check_pipeline", "parameters": {}, "requested_by": "me", "source": "test"}
    with transaction(database.ops_engine) as session:
        request_id = session.scalar(insert(Request).values(**asked).returning(Request.id))
    assert f'href="/logs/?request={request_id}"' in api.get(f"/requests/{request_id}/").text


def test_whatever_agents_write_is_text(api, database):
    bad = "<script>alert(1)</script>\n<b>x</b>"
    about = {"request_id": "<i>", "flow_run_id": 7, "x": "<img>"}
    log(database, record(0, bad, extra_data=about), record(1, "y", extra_data=["<u>"]))
    page = api.get("/logs/").text
    assert not re.search(r"<script>alert|<b>x|<img>|<u>|<i>", page)
    assert lines(api) == ["y", "&lt;script&gt;alert(1)&lt;/script&gt;"]


def test_a_search_that_cannot_be_meant_gets_the_reason(api):
    answer = api.get("/logs/?run=x")
    assert (answer.status_code, "run: " in answer.text) == (400, True)
