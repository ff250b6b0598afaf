"""The page of the rules, and of the channels that they may name."""

from __future__ import annotations

import re

import pytest

from flows.common.callers import Scope
from tests.support.notifications import SECRET

pytestmark = pytest.mark.integration


def offered(page: str) -> list[str]:
    """The channels that the form offers."""
    [select] = re.findall(r'<select name="channel">(.*?)</select>', page, re.DOTALL)
    return re.findall(r'value="([^"]+)"', select)


def test_an_operator_chooses_among_all_channels_and_others_among_the_open_ones(as_, api):
    page = api.get("/notifications/rules/").text
    assert (offered(page), 'id="channels"' in page, SECRET in page) == (["open"], True, False)
    assert offered(as_("otto", Scope.OPERATE).get("/notifications/rules/").text) == ["open", "ops"]


def test_a_rule_is_shown_as_text_and_changed_by_its_author(as_, api):
    hostile = "<b>*</b>"
    form = {"what": "action", "owner": "tester", "channel": "open", "subject": hostile}
    number = api.post("/api/notification-rules/", json=form).json()["id"]
    page = api.get("/notifications/rules/").text
    assert (hostile in page, "&lt;b&gt;*&lt;/b&gt;" in page) == (False, True)
    assert f'data-edit="{number}"' in page
    other = as_("otto", Scope.OPERATE).get("/notifications/rules/").text
    assert (f'data-edit="{number}"' in other, f'data-turn="{number}"' in other) == (False, True)
