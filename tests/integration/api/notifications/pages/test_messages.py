"""The page of notifications: what became of each, in words."""

from __future__ import annotations

import pytest

from flows.notifications.domain.words import DeliveryState
from tests.support.notifications import tell

pytestmark = pytest.mark.integration

HOSTILE = "<script>alert(1)</script>"


def test_who_is_not_known_signs_in(served_api):
    with served_api.client(token=None) as anybody:
        for path in ("/notifications/", "/notifications/rules/"):
            assert anybody.get(path).status_code == 401


def test_what_was_held_back_names_the_summary_that_told_it(api, database):
    summary = tell(database.ops_engine, "s", what=None, title="37 more")
    held = tell(database.ops_engine, "h", state=DeliveryState.HELD, summary_id=summary)
    page = api.get("/notifications/").text
    assert f'id="summary-of-{held}" href="#notification-{summary}"' in page
    assert f'href="?summary={summary}"' in page


def test_a_failure_and_an_unknown_end_are_said_in_words(api, database):
    tell(database.ops_engine, "f", state=DeliveryState.FAILED, error="it answered 404", tries=3)
    tell(database.ops_engine, "u", state=DeliveryState.UNKNOWN)
    page = api.get("/notifications/").text
    assert all(each in page for each in ("it answered 404", "3 tries", "it is not sent again"))
    assert "it answered 404" not in api.get("/notifications/?state=unknown").text


def test_hostile_texts_are_text_and_a_link_of_no_page_is_none(api, database):
    links = [
        {"text": HOSTILE, "href": "/pcs/tasks/t1/"},
        {"text": "evil", "href": "javascript:alert(1)"},
        {"text": "evil", "href": "//evil.example"},
    ]
    told = {"reason": HOSTILE, "step": HOSTILE, "requester": HOSTILE, "links": links}
    tell(database.ops_engine, "x", title=HOSTILE, body=told, error=HOSTILE, recipient=HOSTILE)
    page = api.get("/notifications/").text
    assert HOSTILE not in page
    assert f'<a href="{api.base_url.path}pcs/tasks/t1/">&lt;script&gt;' in page
    assert ('href="javascript' in page, 'href="//' in page) == (False, False)


@pytest.mark.parametrize("query", ["state=lost", "outcome=x", f"name={'x' * 501}", "subject=%00"])
def test_an_address_that_cannot_be_meant_is_refused_in_words(api, query):
    page = api.get(f"/notifications/?{query}")
    assert (page.status_code, "That cannot be searched for" in page.text) == (400, True)


def test_a_number_that_cannot_be_meant_asks_for_nothing(api):
    assert api.get(f"/notifications/?before={'9' * 40}&summary=x").status_code == 200
