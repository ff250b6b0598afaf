"""The tools of watches and notifications, as an assistant calls them."""

from __future__ import annotations

import httpx
import pytest

from flows.common.database import now
from tests.pcs_client import COMPOSED
from tests.support.mcp import Assistant
from tests.support.notifications import tell

pytestmark = [pytest.mark.integration, pytest.mark.usefixtures("task")]

WATCH = {"kind": "task", "subject": "t1", "watch_for": "failed", "channel": "open"}


@pytest.fixture
def assistant(served_api) -> Assistant:
    return Assistant(served_api.url, served_api.token)


def test_something_is_watched_listed_and_watched_no_more(assistant):
    made = assistant.ask("watch", **WATCH)
    found = assistant.ask("list_my_watches", kind="task")
    assert (found["channels"], [each["id"] for each in found["watches"]]) == (
        ["open"],
        [made["id"]],
    )
    assert assistant.ask("unwatch", watch_id=made["id"]) == {"id": made["id"]}
    assert assistant.ask("list_my_watches")["watches"] == []
    assert "no watch" in assistant.refusal("unwatch", watch_id=made["id"])


def test_watches_are_read_page_by_page_with_links(assistant):
    made = [assistant.ask("watch", **WATCH | {"watch_for": each}) for each in ("failed", "ended")]
    first = assistant.ask("list_my_watches", limit=1)
    rest = assistant.ask("list_my_watches", limit=1, offset=1)
    assert [each["watches"][0]["id"] for each in (first, rest)] == [made[1]["id"], made[0]["id"]]
    assert (first["has_more"], rest["has_more"]) == (True, False)
    assert httpx.get(made[0]["url"]).status_code == 200


def test_what_cannot_be_watched_is_refused_in_words(assistant):
    assert "not open to watchers" in assistant.refusal("watch", **WATCH | {"channel": "ops"})
    assert "/me/" in assistant.refusal("watch", **WATCH | {"channel": None})
    assert "arrived, complete" in assistant.refusal("watch", **WATCH | {"kind": "dataset"})


def test_one_s_own_notifications_are_listed(assistant, database):
    met = {"handed_over_at": now(), "error": "the relay h:25 is away"}
    own = [tell(database.ops_engine, key, **met) for key in "ab"]
    tell(database.ops_engine, "c", username="eve", recipient="eve")
    found = assistant.ask("list_notifications", limit=1)
    assert found["items"][0]["error"] is None
    assert ([each["id"] for each in found["items"]], found["has_more"]) == ([own[1]], True)
    assert len(assistant.ask("list_notifications", subject=COMPOSED)["items"]) == 2
    older = assistant.ask("list_notifications", before=own[1])
    assert ([each["id"] for each in older["items"]], older["has_more"]) == ([own[0]], False)
