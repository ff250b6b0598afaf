"""The list of requests: what is open is on its first page, however old it is."""

from __future__ import annotations

import re
from urllib.parse import urlencode

import pytest
from sqlalchemy import insert

from flows.common.database import transaction
from flows.common.models import Request, RequestState

pytestmark = pytest.mark.integration

ENDED = RequestState.COMPLETED
STATES = {1: RequestState.QUEUED, 2: RequestState.UNKNOWN, 3: ENDED, 120: RequestState.RUNNING}
NUMBER = 121
OPEN = [120, 2, 1]


@pytest.fixture
def requests(database) -> list[int]:
    """Many that ended, a few that are open, two of them the oldest; gives the list's order."""
    numbers = range(1, NUMBER + 1)
    with transaction(database.ops_engine) as session:
        session.execute(insert(Request), [row(STATES.get(each, ENDED)) for each in numbers])
    return OPEN + [each for each in reversed(numbers) if each not in OPEN]


def row(state: RequestState, action: str = "check_pipeline") -> dict[str, object]:
    return {
        "action": action,
        "parameters": {},
        "requested_by": "me",
        "source": "test",
        "state": state,
    }


def shown(api, path: str) -> tuple[list[int], str]:
    """The requests of a page of the list, and where its link to more leads."""
    page = api.get(path).text
    more = re.search(r'id="older" href="([^"]*)"', page)
    ids = [int(each) for each in re.findall(r'id="request-(\d+)"', page)]
    return ids, more[1].replace("&amp;", "&") if more else ""


def all_pages(api, query: str = "") -> list[list[int]]:
    pages, at = [], f"/requests/{query}"
    while at:
        ids, more = shown(api, at)
        pages.append(ids)
        at = more and f"/requests/{more}"
    return pages


def test_an_old_request_that_is_open_is_on_the_first_page_and_each_is_on_one(api, requests):
    pages = all_pages(api)
    assert pages[0][: len(OPEN)] == OPEN
    assert [each for page in pages for each in page] == requests


def test_where_more_are_open_than_a_page_holds_the_next_goes_on_with_them(api, requests, database):
    with transaction(database.ops_engine) as session:
        session.execute(insert(Request), [row(RequestState.QUEUED) for _ in range(110)])
    opened = [*range(NUMBER + 110, NUMBER, -1), *OPEN]
    flat = [each for page in all_pages(api) for each in page]
    assert flat == opened + [each for each in requests if each not in OPEN]


def test_a_filter_by_state_or_action_keeps_its_order(api, requests):
    assert all_pages(api, "?state=completed&action=check_pipeline") == [
        requests[3:53], requests[53:103], requests[103:],
    ]  # fmt: skip
    assert all_pages(api, "?state=unknown") == [[2]]
    assert all_pages(api, "?action=prune_history") == [[]]


def test_those_that_somebody_asked_for_are_shown_on_all_their_pages(api, requests, database):
    with transaction(database.ops_engine) as session:
        session.execute(insert(Request), [row(ENDED) | {"requested_by": "o'b &c"}] * 60)
    mine = [*range(NUMBER + 60, NUMBER, -1)]
    query = "?" + urlencode({"requested_by": "o'b &c"})
    assert all_pages(api, query) == [mine[:50], mine[50:]]
    assert "None is like that." in api.get("/requests/?requested_by=nobody").text
    assert api.get("/requests/?requested_by=%00").status_code == 400


def test_rest_lists_what_is_open_first_however_it_is_cut(api, requests):
    cut = [
        api.get("/api/requests/", params={"limit": 50, "offset": at}).json() for at in (0, 50, 100)
    ]
    assert [each["id"] for page in cut for each in page["results"]] == requests
    assert {page["count"] for page in cut} == {NUMBER}
    only = api.get("/api/requests/", params={"open": "true"}).json()["results"]
    assert [each["id"] for each in only] == OPEN
