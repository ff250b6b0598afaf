"""The page of the system: what needs somebody is said, and who may decide can."""

from __future__ import annotations

import json
import re

import pytest
from sqlalchemy import text as text_of

from flows.common.callers import Scope
from flows.common.database import transaction
from flows.messages.models import SetAsideState
from flows.messages.repository import settle
from tests.support.system import announce, connect_bridge, hear_agent, put_aside

pytestmark = pytest.mark.integration


@pytest.fixture
def engine(database):
    return database.ops_engine


def page(api, query=""):
    answer = api.get(f"/system/{query}")
    assert answer.status_code == 200
    return answer.text


def buttons(text):
    """The names of the buttons of messages, and whether each can be pressed."""
    found = re.findall(r'id="((?:retry|drop)-\d+)"([^>]*)>', text)
    return {name: not re.search(r"\bdisabled\b", rest) for name, rest in found}


def test_an_empty_page_says_what_is_not_there(api):
    text = page(api)
    for words in ("No part was ever heard", "No agent is heard", "No request is open",
                  "None waits for somebody", "No worker has said of any"):  # fmt: skip
        assert words in text


def test_what_others_said_is_shown_as_text(api, engine):
    odd = "<b>bold</b>"
    hear_agent(engine, odd, description=odd)
    put_aside(engine, odd.encode(), reason=odd)
    announce(engine, {"msg_type": "odd", "text": odd})
    connect_bridge(engine, "broker_away", odd)
    text = page(api)
    assert odd not in text
    assert text.count("&lt;b&gt;bold") >= 5


def test_who_may_operate_can_settle_and_who_may_not_sees_why(served_api, database, engine):
    put_aside(engine, b"x")
    with served_api.client() as tester:
        text = page(tester)
        assert buttons(text) == {"retry-1": False, "drop-1": False}
        assert "Settling a message takes the scope operate" in text
    with served_api.client(token=database.create_token("olga", Scope.OPERATE)) as operator:
        assert buttons(page(operator)) == {"retry-1": True, "drop-1": True}


def test_a_message_whose_begin_alone_was_kept_can_only_be_dropped(served_api, database, engine):
    put_aside(engine, b"b" * (1 << 17), is_too_large=True)
    with served_api.client(token=database.create_token("olga", Scope.OPERATE)) as operator:
        assert buttons(page(operator)) == {"retry-1": False, "drop-1": True}


def test_a_message_that_is_being_settled_names_its_request(served_api, database, engine):
    put_aside(engine, b"x")
    with served_api.client(token=database.create_token("olga", Scope.OPERATE)) as operator:
        asked = {"message": 1, "decision": "drop"}
        request = operator.post("/api/actions/settle_message/", json=asked).json()["request_id"]
        text = page(operator)
    assert buttons(text) == {"retry-1": False, "drop-1": False}
    assert f'id="settling-1" href="/requests/{request}/"' in text


def test_settled_messages_are_shown_when_asked_for(api, engine):
    put_aside(engine, b"x", b"y")
    with transaction(engine) as session:
        settle(session, 1, SetAsideState.DROPPED, "olga")
        session.commit()
    assert 'data-message="1"' not in page(api).partition('id="set-aside"')[2]
    assert "by olga" in page(api, "?all=1")


def test_older_messages_are_on_the_next_page(api, engine):
    put_aside(engine, *(str(number).encode() for number in range(25)))
    first = page(api)
    assert len(buttons(first)) == 40
    assert 'href="?before=6#aside"' in first
    assert len(buttons(page(api, "?before=6"))) == 10


def test_silent_agents_are_folded_away(api, engine, database):
    hear_agent(engine, "alive")
    hear_agent(engine, "gone", status="EXITED", operational_state="EXITED")
    shown, folded = page(api).split('<details id="exited">')
    assert 'data-agent="alive"' in shown
    assert 'data-agent="gone"' in folded


def test_the_navigation_leads_there(api):
    assert '<a href="/system/" aria-current="page">System</a>' in page(api)


def test_the_last_canary_is_shown_leg_by_leg(api, engine):
    assert "None has come back yet" in page(api)
    legs = [{"leg": "messages", "state": "failed", "seconds": 60.0, "text": "no <TF> came"}]
    canary(engine, {"state": "failed", "error": "messages failed: no <TF> came", "legs": legs})
    canary(engine, {"state": "passed", "error": "", "legs": []}, wanted=["rucio"])
    text = page(api)
    assert "messages failed: no &lt;TF&gt; came" in text
    found = api.get("/api/system/").json()["canary"]
    assert (found["state"], found["legs"]) == ("failed", legs)


def canary(engine, result, wanted=()):
    """A canary that came back with that result."""
    insert = text_of(
        "INSERT INTO request (action, parameters, requested_by, source, state, created_at,"
        " finished_at, result) VALUES ('run_canary', cast(:form AS jsonb), 'me', 'cli', :state,"
        " now(), now(), cast(:result AS jsonb))"
    )
    form, told = json.dumps({"legs": list(wanted)}), json.dumps(result)
    state = "failed" if result["state"] == "failed" else "completed"
    with transaction(engine) as session:
        session.execute(insert, {"form": form, "result": told, "state": state})
