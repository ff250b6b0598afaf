"""The pages of production tasks: what they show, whoever looks, wherever from."""

from __future__ import annotations

import itertools
import json
import re
from datetime import timedelta

import httpx
import pytest
from sqlalchemy import insert, select, text, update

from api.pcs.models import Attempt, Dataset, ProdTask, TaskStatus
from api.submission.queries.listing import PAGE_SIZE, Filter
from flows.common import claims, events
from flows.common.database import now, transaction
from flows.common.models import Request, RequestState
from flows.common.settings import settings
from flows.submission import messages
from flows.submission.models import (
    AttemptState,
    OperationStatus,
    PandaOperation,
    PandaRemark,
    Step,
    SubmissionAttempt,
    SubmissionResolution,
)
from tests.pcs_client import COMPOSED, CONFIG, Pcs

pytestmark = pytest.mark.integration


@pytest.fixture
def pcs(api):
    return Pcs(api)


@pytest.fixture
def reader(served_api):
    """A browser that has not been here before, and keeps no cookie."""
    with served_api.client(token=None) as browser:
        yield browser


def names_of(page: str) -> list[str]:
    return re.findall(r'<tr data-id="\d+" data-name="([^"]*)"', page)


def chips_of(page: str) -> dict[str, int]:
    found = re.findall(r'<a class="chip"[^>]*>([^<]*) <b>(\d+)</b>', page)
    return {label.strip(): int(count) for label, count in found}


# ------------------------------------------------------------------ the list


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
    first = reader.get("/pcs/tasks/?sort=name")
    assert len(names_of(first.text)) == PAGE_SIZE
    assert "Page 1 of 50, 5\u202f000 tasks" in first.text
    assert len(names_of(reader.get("/pcs/tasks/?sort=name&page=50").text)) == PAGE_SIZE
    told = reader.get("/pcs/tasks/plan.json?operation=lock&all=1&q=first1").json()
    assert (len(told["will"]), told["wont"]) == (1111, [])


# ------------------------------------------------------------------ many at once


def test_a_plan_says_what_will_be_done_and_why_the_rest_will_not(pcs, api, reader):
    ready, draft = pcs.make_ready("a"), pcs.make_task("b")
    bad = pcs.make_task("c", config=CONFIG | {"panda_resource_type": "GPU"})
    ids = ",".join(str(each["id"]) for each in (ready, draft, bad))
    told = api.get(f"/pcs/tasks/plan.json?operation=submit&ids={ids},99999,x").json()
    assert [each["name"] for each in told["will"]] == ["a"]
    assert (told["caller"], told["may_write"]) == ("tester", True)
    why = {each["name"]: " ".join(each["reasons"]) for each in told["wont"]}
    assert "it is draft" in why["b"]
    assert "--resourceType" in why["c"]
    locking = api.get(f"/pcs/tasks/plan.json?operation=lock&ids={ids}").json()
    assert [each["name"] for each in locking["will"]] == ["b"]
    # A reader is not told that it may not: its token will say who it is.
    told = reader.get(f"/pcs/tasks/plan.json?operation=submit&ids={ids}").json()
    assert ([each["name"] for each in told["will"]], told["may_write"]) == (["a"], False)


def test_the_plan_of_another_user_names_the_owner(pcs, served_api, database):
    pcs.make_ready("a")
    token = database.create_token("eve")
    with served_api.client(token=token) as eve:
        told = eve.get("/pcs/tasks/plan.json?operation=submit&all=1").json()
    assert told["will"] == []
    [reason] = told["wont"][0]["reasons"]
    assert reason.startswith("It is tester's: that takes the scope operate, which this token of")


def test_the_states_of_submissions_are_told_for_those_asked_for(pcs, reader):
    first, second = pcs.make_ready("a"), pcs.make_ready("b")
    pcs.submit("a")
    told = reader.get(f"/pcs/tasks/states.json?ids={first['id']},{second['id']}").json()
    assert [(each["name"], each["phase"]) for each in told] == [("a", "waiting"), ("b", "none")]


# ------------------------------------------------------------------ one task


def test_a_task_has_a_page_under_each_of_its_names(pcs, reader):
    task = pcs.make_ready("t1", sample="")
    for reference, slash in itertools.product((COMPOSED, "t1", task["id"]), ("", "/")):
        answer = reader.get(f"/pcs/tasks/{reference}{slash}")
        assert answer.status_code == 200
        assert f"--outDS {COMPOSED} \\" in answer.text
        assert "docker://eicweb/jug_xl:26.02.0-stable" in answer.text


def test_a_path_of_the_original_names_a_task(pcs, reader):
    pcs.make_task("EVGEN/DIS/NC/10x100", sample="x")
    assert reader.get("/pcs/tasks/EVGEN/DIS/NC/10x100/").status_code == 200
    link = re.search(r'href="(/pcs/tasks/group[^"]*)"', reader.get("/pcs/tasks/").text)
    assert reader.get(link[1]).status_code == 200
    selected = {"tab": "tasks", "selected": f"{COMPOSED}.x"}
    assert "Submit to PanDA" in reader.get("/pcs/tasks/compose/", params=selected).text


NO_NAMES = ("nosuch", "a'b", "a%22b", "--help", "x" * 300, "%00", "..%2F..", "a/b/", "%ff")


def test_a_name_of_no_task_is_not_found(reader):
    for name in NO_NAMES:
        answer = reader.get(f"/pcs/tasks/{name}/")
        assert answer.status_code == 404
        assert "There is no production task" in answer.text
    assert reader.get("/pcs/tasks/a%0Ab/").status_code == 404


def test_several_tasks_of_a_name_are_listed_and_none_is_picked(pcs, reader):
    first = pcs.make_task("a", sample="x")
    more = {"dataset": first["dataset"], "prod_config": first["prod_config"]}
    second = pcs.add("prod-tasks", name="b", **more)
    answer = reader.get(f"/pcs/tasks/{COMPOSED}.x/")
    assert answer.status_code == 409
    for task in (first, second):
        assert f'href="/pcs/tasks/{task["id"]}/"' in answer.text
        assert f'href="/pcs/tasks/{task["id"]}/"' in reader.get("/pcs/tasks/").text
    assert "PanDA would take them for one" in reader.get(f"/pcs/tasks/{first['id']}/").text


def test_what_is_missing_is_listed_and_overrides_are_marked(pcs, reader):
    pcs.make_task(
        "t1", sample="", is_locked=False, overrides={"panda_site": "JLAB", "data": {"n_jobs": 7}}
    )
    page = reader.get(f"/pcs/tasks/{COMPOSED}/").text
    readiness = re.search(r'id="readiness">(.*?)</dd>', page, re.DOTALL)[1]
    assert readiness.count("is a draft; lock it") == 4
    overridden = re.findall(r'class="overridden"><th scope="row">([^<]*)', page)
    assert overridden == ["panda_site", "data.n_jobs"]
    assert "--site JLAB" in page
    assert re.search(r'id="do-submit"[^>]* disabled', page)


def test_the_rules_that_hold_are_shown(pcs, reader, served_api, monkeypatch):
    pcs.make_task("t1", sample="", is_locked=False)
    assert "strict rules" in reader.get(f"/pcs/tasks/{COMPOSED}/").text
    monkeypatch.setenv("PRODOPS_PCS_RELAXED", "true")
    restarted(served_api)
    page = reader.get(f"/pcs/tasks/{COMPOSED}/").text
    assert 'class="badge warned" id="rules"' in page
    assert not re.search(r'id="do-submit"[^>]* disabled', page)


def restarted(served_api):
    settings.cache_clear()
    served_api.restart()


# ------------------------------------------------------------------ a submission's phases


def request_of(session) -> Request:
    return session.scalars(select(Request).order_by(Request.id.desc())).first()


def begin(session, **values) -> None:
    """The ops side's record of the newest request's attempt."""
    request = request_of(session)
    row = session.scalar(select(Attempt).order_by(Attempt.id.desc()))
    made = {
        "task_name": request.subject,
        "panda_name": row.task_name,
        "panda_tasks_id": row.id,
        "owner": "tester",
        "request_id": request.id,
        "sends": 1,
        **values,
    }
    session.execute(insert(SubmissionAttempt).values(created_at=now(), updated_at=now(), **made))


def stand(session, state: RequestState, **values) -> None:
    request = request_of(session)
    changed = {"state": state, **values}
    session.execute(update(Request).where(Request.id == request.id).values(**changed))


def tell_steps(session, *steps: str) -> None:
    request = request_of(session)
    holder = claims.Claim(request.id, 1)
    events.commit(
        session,
        [messages.progress(request.subject, Step(name), f"at {name}", holder) for name in steps],
    )


def page_of(reader, name: str = COMPOSED) -> str:
    return str(reader.get(f"/pcs/tasks/{name}/").text)


def phase_of(page: str) -> str:
    return re.search(r'id="live"[^>]* data-phase="(\w+)"', page)[1]


@pytest.fixture
def asked(pcs):
    pcs.make_ready("t1", sample="")
    pcs.submit("t1")
    return pcs


def test_a_request_that_waits_says_since_when(asked, reader, database):
    with transaction(database.ops_engine) as session:
        stand(session, RequestState.QUEUED, created_at=now() - timedelta(seconds=75))
    page = page_of(reader)
    assert phase_of(page) == "waiting"
    assert re.search(r"Waiting for the ops side for <span[^>]*>1\u202fmin 15\u202fs", page)
    assert re.search(r'id="do-submit"[^>]* disabled', page)
    assert 'href="/requests/1/"' in page


def test_a_running_submission_shows_its_steps(asked, reader, database, monkeypatch):
    with transaction(database.ops_engine) as session:
        stand(session, RequestState.RUNNING)
        begin(session, state=AttemptState.CREATED, jedi_task_id=7, step="confirm")
        tell_steps(session, "claim", "command", "token", "sandbox", "send", "classify", "confirm")
    page = page_of(reader)
    stands = dict(re.findall(r'data-step="(\w+)" data-stands="(\w+)"', page))
    assert phase_of(page) == "running"
    assert (stands["send"], stands["confirm"], stands["record"]) == ("done", "now", "later")
    assert stands["reconcile"] == "skipped"
    assert "at confirm" in page


def test_what_is_not_known_is_said_with_the_next_check(asked, reader, database):
    with transaction(database.ops_engine) as session:
        later = now() + timedelta(minutes=5)
        stand(session, RequestState.UNKNOWN, not_before=later, error="prun took too long")
        begin(session, state=AttemptState.UNKNOWN, checks=1, reason="prun took too long")
    page = page_of(reader)
    assert phase_of(page) == "unknown"
    assert "not known whether PanDA has the task: prun took too long" in page
    assert later.strftime("%H:%M:%S") in page
    assert re.search(r'id="do-submit"[^>]* disabled', page)


@pytest.mark.parametrize("state", [RequestState.UNKNOWN, RequestState.RUNNING])
def test_what_is_unrecorded_must_not_be_submitted_again(asked, reader, database, state):
    with transaction(database.ops_engine) as session:
        stand(session, state, error="PCS does not answer")
        begin(session, state=AttemptState.CREATED, jedi_task_id=815, checks=1)
    page = page_of(reader)
    assert phase_of(page) == "unrecorded"
    assert "must <strong>NOT</strong> be submitted again" in page
    assert "jediTaskID 815" in re.sub(r"<[^>]*>", "", page)
    assert re.search(r'id="do-submit"[^>]* disabled', page)


def test_a_failure_gives_its_reason_and_the_next_name(asked, reader, database):
    row = asked.task("t1")["panda_tasks"][0]
    with transaction(database.ops_engine) as session:
        stand(session, RequestState.FAILED, error="no quota")
    failure = {"panda_tasks_id": row["id"], "reason": "no quota <b>left</b>"}
    asked.good("POST", "prod-tasks/record-submission-failure/", failure, name="t1")
    page = page_of(reader)
    assert phase_of(page) == "failed"
    assert "no quota &lt;b&gt;left&lt;/b&gt;" in page
    assert f"{COMPOSED}.try2" in page
    assert not re.search(r'id="do-submit"[^>]* disabled', page)


def test_a_request_that_was_called_off_has_failed_and_says_why(asked, reader, database):
    with transaction(database.ops_engine) as session:
        stand(session, RequestState.CANCELLED, error="cancelled by anna")
    page = page_of(reader)
    assert (phase_of(page), "cancelled by anna" in page) == ("failed", True)


def test_a_recorded_submission_shows_its_id_and_links(
    asked, reader, database, monkeypatch, served_api
):
    monkeypatch.setenv("PRODOPS_PCS_PANDA_MONITOR_URL", "https://monitor.example/task/{id}/")
    restarted(served_api)
    row = asked.task("t1")["panda_tasks"][0]
    with transaction(database.ops_engine) as session:
        begin(session, state=AttemptState.RECORDED, jedi_task_id=42, outcome="created")
        stand(session, RequestState.COMPLETED)
    asked.record("t1", jedi_task_id=42, panda_tasks_id=row["id"])
    page = page_of(reader)
    assert phase_of(page) == "submitted"
    assert page.count('href="https://monitor.example/task/42/"') >= 2
    assert "Already submitted as jediTaskID 42." in page
    assert 'id="operate"' in page
    assert 'href="https://monitor.example/task/42/"' in reader.get("/pcs/tasks/").text


def test_operations_and_those_that_wait_are_shown_with_who_and_why(asked, reader, database):
    row = asked.task("t1")["panda_tasks"][0]
    with transaction(database.ops_engine) as session:
        stand(session, RequestState.COMPLETED)
    asked.record("t1", jedi_task_id=42, panda_tasks_id=row["id"])
    wish = {"increase": 3, "reason": "lost <jobs>"}
    queued = asked.good("POST", "prod-tasks/t1/panda-add-retry/", wish)
    page = page_of(reader)
    assert "increase attempts" in page
    assert "waiting for the ops side for" in page
    with transaction(database.ops_engine) as session:
        record = {
            "request_id": queued["request_id"], "jedi_task_id": 42, "task_name": "t1",
            "requested_by": "tester", "reason": "lost <jobs>", "requested_at": now(),
            "completed_at": now(), "diagnostic": "PanDA took it", "observed_status": "running",
        }  # fmt: skip
        for status, operation, parameters in (
            (OperationStatus.VERIFIED, "increase_attempts", {"increase": 3}),
            (OperationStatus.FAILED, "pause", {}),
        ):
            told = {"status": status, "operation": operation, "parameters": parameters}
            session.execute(insert(PandaOperation).values(**record | told))
            record["request_id"] += 1000
    page = page_of(reader)
    assert "increase attempts by 3" in page
    assert "lost &lt;jobs&gt;" in page
    assert 'data-state="verified"' in page
    assert "waiting for the ops side for" not in page


# ------------------------------------------------------------------ who looks, and where from


def test_a_page_needs_no_cookie_and_says_who_may_write(pcs, served_api):
    pcs.make_ready("t1", sample="")
    for path in ("/pcs/tasks/", f"/pcs/tasks/{COMPOSED}/"):
        anyone = httpx.get(f"{served_api.url}{path}")
        assert (anyone.status_code, "To write, sign in" in anyone.text) == (200, True)
        named = httpx.get(f"{served_api.url}{path}", headers={"X-Remote-User": "tester"})
        assert "You write as <b>tester</b>" in named.text
        assert "set-cookie" not in named.headers


def test_who_has_signed_in_writes_with_what_the_token_permits(pcs, served_api):
    pcs.make_ready("t1", sample="")
    with served_api.client(token=None) as browser:
        browser.post("/login/", data={"token": served_api.token})
        page = page_of(browser)
        assert "You write as <b>tester</b>; you may read, message, request." in page
        assert '"may_write": true' in page
        answer = browser.post(f"/pcs/api/prod-tasks/{COMPOSED}/submit/", json={})
        assert answer.status_code == 200


def test_every_page_has_a_strict_policy_and_no_script_of_its_own(pcs, reader):
    pcs.make_ready("t1", sample="")
    for path in ("/pcs/tasks/", f"/pcs/tasks/{COMPOSED}/"):
        answer = reader.get(path)
        assert "script-src 'self';" in answer.headers["content-security-policy"]
        assert not re.search(r'(?:href|src|action)="(?:https?:)?//', answer.text)
        assert not re.search(r"\son[a-z]+=", answer.text)
        assert not re.search(r"<script(?![^>]*(?:src=|application/json))", answer.text)


def test_every_link_is_under_the_prefix(database, monkeypatch, request):
    monkeypatch.setenv("PRODOPS_ROOT_PATH", "/swf-monitor")
    served = request.getfixturevalue("served_api")
    with served.client() as client:
        Pcs(client).make_ready("t1", sample="")
        for path in ("/pcs/tasks/", f"/pcs/tasks/{COMPOSED}/"):
            page = client.get(path).text
            links = re.findall(r'(?:href|src|action|data-stream)="(/[^"]*)"', page)
            told = re.search(r'application/json" id="\w+">(.*?)</script>', page, re.DOTALL)[1]
            paths = [value for value in json.loads(told).values() if str(value).startswith("/")]
            assert len(paths) >= 1
            assert all(each.startswith("/swf-monitor/") for each in links + paths)


def test_a_filter_is_said_again_by_its_own_query():
    asked = {"q": "a b&c", "status": "draft", "campaign": "-", "submitting": "1", "sort": "name"}
    wanted = Filter.of(asked)
    again = Filter.of(dict(httpx.QueryParams(wanted.query())))
    assert again == wanted
    assert Filter().query() == ""


# ------------------------------------------------------------------ what differs at PanDA


def test_a_task_that_ended_in_part_says_so_with_how_many_inputs_failed(pcs, reader):
    pcs.make_ready("t1", sample="")
    pcs.record("t1", jedi_task_id=4711)
    seen = {"jedi_task_id": 4711, "panda_status": "finished", "inputs": 100, "inputs_failed": 4}
    pcs.good("POST", "prod-tasks/record-status/", seen, name="t1")
    page = page_of(reader)
    assert 'data-state="partly completed"' in page
    assert "4 of 100 inputs failed for good" in page
    assert 'data-state="partly completed"' in reader.get("/pcs/tasks/").text


def test_what_a_sync_noticed_is_said_and_an_operator_may_settle_it(pcs, reader, database):
    pcs.make_ready("t1", sample="")
    pcs.record("t1", jedi_task_id=4711)
    with transaction(database.ops_engine) as session:
        common = {"task_name": "t1", "panda_name": COMPOSED, "jedi_task_id": 4711}
        session.add(PandaRemark(kind="foreign", text="it is <b>elm</b>", **common))
        session.add(PandaRemark(kind="run_again", text="over", cleared_at=now(), **common))
    page = page_of(reader)
    assert 'data-remark="foreign">it is &lt;b&gt;elm&lt;/b&gt;' in page
    assert 'data-remark="run_again"' not in page
    assert 'id="do-adopt"' in page


def test_an_unresolved_submission_says_why_and_offers_no_button_but_to_settle_it(
    asked, reader, database
):
    with transaction(database.ops_engine) as session:
        session.execute(update(Request).values(state=RequestState.FAILED, finished_at=now()))
        session.add(
            SubmissionAttempt(
                task_name="t1", panda_name=COMPOSED, owner="tester", request_id=1,
                state=AttemptState.UNRESOLVED, jedi_task_id=4, reason="id 4 is elm's",
            )
        )  # fmt: skip
    page = page_of(reader)
    assert 'data-phase="unresolved"' in page
    assert "id 4 is elm&#39;s" in page
    assert re.search(r'id="do-submit"[^>]* disabled', page)
    assert "An earlier submission is unresolved" in page
    assert re.search(r'id="adopt"[^>]*value="4"', page)


def test_a_decision_is_shown_with_who_when_and_why(pcs, reader, database):
    pcs.make_ready("t1", sample="")
    with transaction(database.ops_engine) as session:
        session.add(
            SubmissionResolution(
                request_id=1, task_name="t1", panda_name=COMPOSED, outcome="adopted",
                jedi_task_id=9, former_jedi_task_id=4, reason="seen there", resolved_by="ann",
                differs="--nJobs 1, ours 5",
            )
        )  # fmt: skip
    page = page_of(reader)
    assert "ann resolved" in page
    assert "it is jediTaskID 9 instead of 4" in page
    assert "Why: seen there" in page
    assert "It differs: --nJobs 1, ours 5" in page
    assert 'id="do-adopt"' not in page


def test_what_differs_of_an_adopted_task_is_shown(asked, reader, database):
    with transaction(database.ops_engine) as session:
        session.add(
            SubmissionAttempt(
                task_name="t1", panda_name=COMPOSED, owner="tester", request_id=1,
                state=AttemptState.RECORDED, jedi_task_id=4711, differs="--nJobs 1, ours 5",
            )
        )  # fmt: skip
        session.execute(update(Request).values(state=RequestState.COMPLETED, finished_at=now()))
    key = asked.task("t1")["panda_tasks"][0]["id"]
    asked.record("t1", jedi_task_id=4711, panda_tasks_id=key)
    assert "It was adopted, and differs: --nJobs 1, ours 5." in page_of(reader)


def test_what_was_unknown_and_is_being_confirmed_is_running_again(asked, reader, database):
    with transaction(database.ops_engine) as session:
        stand(session, RequestState.RUNNING, error="unknown: prun was killed")
        begin(session, state=AttemptState.CREATED, jedi_task_id=815, checks=1, step=Step.CONFIRM)
    page = page_of(reader)
    assert phase_of(page) == "running"
    assert "unknown: prun" not in page
