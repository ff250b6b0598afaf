"""The list of production tasks: found, sorted, counted and shown a page at a time."""

from __future__ import annotations

import itertools
import re

import httpx
import pytest
from sqlalchemy import select, text

from api.pcs.models import Dataset, ProdTask, TaskStatus
from api.submission.queries.listing import PAGE_SIZE, Filter
from flows.common.database import transaction
from tests.support.task_pages import names_of

pytestmark = pytest.mark.integration


def chips_of(page: str) -> dict[str, int]:
    found = re.findall(r'<a class="chip"[^>]*>([^<]*) <b>(\d+)</b>', page)
    return {label.strip(): int(count) for label, count in found}


@pytest.fixture
def many(pcs, database):
    """12 tasks of two owners and two campaigns, of every status."""
    for name in ("26.05.0", "26.06.0"):
        pcs.add("campaigns", name=name)
    for number in range(12):
        campaign = {"campaign": f"26.0{5 + number % 2}.0"} if number else {}
        pcs.make_task(f"s{number:02}", **campaign)
    with transaction(database.ops_engine) as session:
        rows = list(session.scalars(select(ProdTask).order_by(ProdTask.id)))
        for row, status in zip(rows, itertools.cycle(TaskStatus), strict=False):
            row.status = status
        rows[3].created_by = "anna"
        rows[2].panda_task_id = 4711
    return pcs


FOUND = {
    "q=s03": ["s03"],
    "q=CRATERLAKE r1.s1": ["s10", "s11"],
    "q=47": ["s02"],
    "q=%25": [],
    "q=s0_": [],
    "owner=anna": ["s03"],
    "status=past_output": ["s05", "s11"],
    "campaign=26.06.0&status=failed": [],
    "campaign=26.05.0&status=failed": ["s04", "s10"],
    "campaign=-": ["s00"],
    "submitting=1": [],
    "page=2": [],
    "q=nothing": [],
}


def test_the_list_shows_what_its_address_asks_for(many, reader):
    told = {query: reader.get(f"/pcs/tasks/?sort=name&{query}") for query in FOUND}
    assert {query: names_of(answer.text) for query, answer in told.items()} == FOUND
    assert {answer.status_code for answer in told.values()} == {200}


def test_the_list_is_sorted_both_ways(many, reader):
    for sort in ("name", "status", "campaign", "jedi", "owner", "updated"):
        up = names_of(reader.get(f"/pcs/tasks/?sort={sort}").text)
        down = names_of(reader.get(f"/pcs/tasks/?sort=-{sort}").text)
        assert set(up) == set(down)
        assert up != down, sort
    names = names_of(reader.get("/pcs/tasks/?sort=name").text)
    assert names == sorted(names)


def test_each_status_is_counted_under_the_other_filters(many, reader):
    page = reader.get("/pcs/tasks/?q=s0&status=draft").text
    assert chips_of(page)["all"] == 10
    assert chips_of(page)["draft"] == 2
    assert names_of(page) == ["s06", "s00"]


ODD = (
    "q=%ed%a0%80", "status=x", "sort=drop", "page=0", "page=-1", "page=99999999999999",
    "page=%C2%B2", "owner=%00", "campaign=%00", "submitting=%00",
)  # fmt: skip


def test_an_address_that_makes_no_sense_is_answered(reader):
    told = {query: reader.get(f"/pcs/tasks/?{query}").status_code for query in ODD}
    assert set(told.values()) == {200}, told


@pytest.mark.parametrize("text", ["pi+", "+pi", "a++b", "%00", "x" * 501])
def test_a_search_whose_text_cannot_be_meant_is_refused_in_words(reader, text):
    answer = reader.get(f"/pcs/tasks/?q={text}")
    assert (answer.status_code, "q: " in answer.text) == (400, True)
    assert reader.get("/pcs/tasks/?q=pi%2B").status_code == 200


THOUSANDS = """
    WITH made AS (
        INSERT INTO pcs_dataset ({columns}, dataset_name, composed_name, did)
        SELECT {columns}, dataset_name || n, composed_name || n, did || n
        FROM pcs_dataset, generate_series(1, 4999) n RETURNING id, composed_name)
    INSERT INTO pcs_prod_task ({task_columns}, name, dataset_id)
    SELECT {task_columns}, made.composed_name, made.id FROM pcs_prod_task, made
"""


def columns_of(model, *but: str) -> str:
    return ", ".join(c.name for c in model.__table__.columns if c.name not in {"id", *but})


def test_a_list_of_thousands_comes_a_page_at_a_time(pcs, database, reader):
    pcs.make_task("first")
    with database.ops_engine.begin() as connection:
        connection.execute(
            text(
                THOUSANDS.format(
                    columns=columns_of(Dataset, "dataset_name", "composed_name", "did"),
                    task_columns=columns_of(ProdTask, "name", "dataset_id"),
                )
            )
        )
        connection.execute(text("ANALYZE pcs_dataset, pcs_prod_task"))  # as autovacuum does
    first = reader.get("/pcs/tasks/?sort=name")
    assert len(names_of(first.text)) == PAGE_SIZE
    assert "Page 1 of 50, 5\u202f000 tasks" in first.text
    assert len(names_of(reader.get("/pcs/tasks/?sort=name&page=50").text)) == PAGE_SIZE
    told = reader.get("/pcs/tasks/plan.json?operation=lock&all=1&q=first1").json()
    assert (len(told["will"]), told["wont"]) == (1111, [])


def test_a_filter_is_said_again_by_its_own_query():
    asked = {"q": "a b&c", "status": "draft", "campaign": "-", "submitting": "1", "sort": "name"}
    wanted = Filter.of(asked)
    again = Filter.of(dict(httpx.QueryParams(wanted.query())))
    assert again == wanted
    assert Filter().query() == ""
