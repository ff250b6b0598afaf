"""The pages of workflows: listed, filtered, drawn in time, and stopped by who may."""

from __future__ import annotations

import re

import pytest

from flows.common.callers import Scope
from flows.workflows import configurations
from flows.workflows.schemas import RunWorkflow
from tests.support.workflows import AT_ONCE

pytestmark = pytest.mark.integration

EXECUTION = "stf_datataking-shifter-0001"


def page(api, path="", status=200):
    answer = api.get(f"/workflows/{path}")
    assert answer.status_code == status, answer.text
    return answer.text


def listed(text):
    return re.findall(r'data-execution="([^"]+)"', text)


def test_the_list_is_filtered_by_its_address(played, going, api):
    assert listed(page(api)) == [going, EXECUTION]
    assert listed(page(api, "?namespace=torre1")) == [EXECUTION]
    assert listed(page(api, "?status=running&namespace=torre2")) == [going]
    assert "No execution is so." in page(api, "?namespace=none")
    assert "NUL" in page(api, "?namespace=%00", status=400)


def test_the_form_has_every_field_of_the_request_and_every_configuration(api):
    text = page(api)
    names = set(
        re.findall(r'name="(\w+)"', text.partition('id="start"')[2].partition("</form>")[0])
    )
    assert names == RunWorkflow.model_fields.keys() - {"workflow"}
    assert all(f'<option value="{name}"' in text for name in configurations.names())


def test_what_was_asked_for_and_has_not_begun_is_shown(workflows, api):
    workflows.ask(**AT_ONCE)
    text = page(api)
    assert 'id="waiting-1"' in text
    assert "of shifter in <b>torre1</b>" in text


def test_an_execution_is_drawn_in_time_and_said_in_words(played, api):
    text = page(api, f"{EXECUTION}/")
    assert text.count('class="phase"') == int(re.search(r'data-spans="(\d+)"', text)[1])
    words = re.search(r'id="timeline-words">(.*?)</span>', text)[1]
    assert words.endswith("; 3 STFs")
    assert "ended for" in words
    assert f"?namespace=torre1&amp;run={played['run_number']}" in text


def test_its_messages_are_chosen_by_type(played, api):
    text = page(api, f"{EXECUTION}/?type=stf_gen")
    table = text.partition('id="listed"')[2]
    assert table.count('id="message-') == 3
    assert 'id="type-stf_gen" href="?type=stf_gen#messages" aria-current="true"' in text


def test_whose_it_is_and_who_operates_can_stop_it_and_others_see_why_not(
    going, served_api, database
):
    def button(name, *scopes):
        with served_api.client(token=database.create_token(name, *scopes)) as client:
            return re.search(rf'id="stop-{going}"[^>]*>', page(client, f"{going}/"))[0]

    assert "disabled" not in button("shifter", Scope.REQUEST)
    assert "disabled" not in button("olga", Scope.OPERATE)
    assert "disabled" in button("otto", Scope.REQUEST)
    assert "Stopping what shifter runs takes the scope operate" in button("rita", Scope.READ)


def test_who_may_not_ask_for_one_sees_why(served_api, database):
    with served_api.client(token=database.create_token("rita", Scope.READ)) as reader:
        assert "Starting a workflow takes the scope request" in page(reader)


@pytest.mark.parametrize("path", ["none/", "%3Cb%3E/", "a/b/", "%00/"])
def test_an_unknown_execution_is_a_page_in_words(api, path):
    text = page(api, path, status=404)
    assert "There is no workflow execution" in text
    assert "<b>" not in text.partition("There is no")[2]
