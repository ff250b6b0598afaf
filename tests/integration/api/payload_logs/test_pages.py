"""The addresses of a payload log for people: asked for by looking, waited for, shown (W6, W7)."""

from __future__ import annotations

import json
import re
from datetime import timedelta

import httpx
import pytest
from sqlalchemy import insert

from api.payload_logs import queries
from api.payload_logs.pages.log import STEPS
from api.pcs.models import Association, Attempt, ProdTask
from flows.common import requests
from flows.common.database import now, transaction
from flows.common.database_errors import DatabaseUnavailable
from flows.common.settings import settings
from flows.payload_logs.models import LogState, Step
from flows.submission.models import PandaRemark
from tests.nginx_proxy import proxied, require_nginx
from tests.pcs_client import Pcs
from tests.support.payload_logs.ready import JOB, NO_LOG, TASK, Logs

pytestmark = pytest.mark.integration

TEXT = f"/panda/jobs/{JOB}/payload-log/"
PAGE = f"/panda/jobs/{JOB}/log/"
MEMBERS = {"payload.stdout": b"out\n", "payload.stderr": b"", "pilotlog.txt": b"pilot\n"}


@pytest.fixture
def logs(database, tmp_path, monkeypatch) -> Logs:
    monkeypatch.setenv("SWF_TMP_DIR", str(tmp_path))
    settings.cache_clear()
    return Logs(database, tmp_path)


@pytest.fixture
def visitor(logs, served_api):
    """Somebody whom a proxy names."""
    with served_api.client(token=None) as client:
        client.headers["X-Remote-User"] = "visitor"
        yield client


def test_who_is_not_known_has_nothing_fetched_and_is_told_what_it_takes(logs, served_api):
    with served_api.client(token=None) as client:
        text, page = client.get(TEXT), client.get(PAGE)
        client.get(TEXT, params={"force": "1"})
    assert (text.status_code, page.status_code) == (403, 200)
    assert "the scope request" in text.text
    assert "/login/?target=" in page.text
    assert logs.requests() == []


def waited_for(answer: httpx.Response) -> int:
    assert answer.status_code == 202, answer.text
    return int(re.search(r'data-request="(\d+)"', answer.text).group(1))


# ------------------------------------------------------------------ the text


def test_a_job_not_known_yet_is_asked_for_once_and_waited_for(visitor, logs):
    answer = visitor.get(TEXT)
    assert answer.headers["content-type"].startswith("text/html")
    assert f'data-pandaid="{JOB}"' in answer.text
    assert visitor.get(TEXT).status_code == visitor.get(PAGE).status_code + 2 == 202
    assert waited_for(answer) == logs.open_request().id
    assert logs.open_request().requested_by == "visitor"


@pytest.mark.parametrize("path", [TEXT, PAGE])
def test_what_opening_a_page_asks_for_is_a_look(visitor, logs, path):
    """It ends where nobody looks any more (`end_looks`), as what was asked for by name does not."""
    visitor.get(path)
    assert logs.open_request().source == requests.PAGE


def test_a_user_whom_a_proxy_names_is_who_asked(visitor, logs):
    visitor.get(TEXT, headers={"X-Remote-User": "anna"})
    assert logs.open_request().requested_by == "anna"


def test_the_text_has_the_members_in_their_order_each_under_its_name(visitor, logs):
    logs.put(MEMBERS | {"payload.stdout.2": b"again\n"})
    answer = visitor.get(TEXT)
    assert (answer.status_code, answer.headers["content-type"]) == (
        200,
        "text/plain; charset=utf-8",
    )
    assert answer.text == (
        "===== payload.stdout =====\nout\n\n===== payload.stderr =====\n\n"
        "===== pilotlog.txt =====\npilot\n\n===== payload.stdout.2 =====\nagain\n\n"
    )
    assert logs.requests() == []


def test_an_empty_log_says_so(visitor, logs):
    logs.put({"payload.stdout": b"", "payload.stderr": b""})
    assert visitor.get(TEXT).text.endswith("(log cached but empty)")


@pytest.mark.parametrize("name", ["payload.stdout", "payload.stderr", ".done"])
def test_a_log_that_lost_a_file_is_fetched_anew_by_looking(visitor, logs, name):
    logs.put(MEMBERS)
    (logs.directory() / name).unlink()
    assert waited_for(visitor.get(TEXT)) == logs.open_request().id
    assert logs.open_request().parameters["force"] is False


@pytest.mark.parametrize("mark", ["", "\n", "payload.stdout\n"])
def test_a_damaged_list_of_what_is_there_is_no_log(visitor, logs, mark):
    logs.put(MEMBERS)
    (logs.directory() / ".done").write_text(mark)
    waited_for(visitor.get(TEXT))


def test_a_log_that_panda_did_not_name_is_shown_so_and_asked_about_again_later(visitor, logs):
    logs.put(MEMBERS)
    logs.row(located_by="caller")
    text = visitor.get(TEXT)
    assert (text.status_code, logs.requests()) == (200, [])
    for said in (text.text, visitor.get(PAGE).text):
        assert "PanDA could not be asked which log it is" in said
    logs.row(updated_at=now() - timedelta(seconds=61))
    waited_for(visitor.get(TEXT))
    assert visitor.get(TEXT).status_code == 200  # readable while it is asked
    logs.row(located_by="panda")
    assert "could not be asked" not in visitor.get(TEXT).text


UNSHOWN = [
    {"path": "payload.stderr", "size_bytes": 0, "reason": "is a link out of the archive, to /x"},
    {"path": "core.<b>1", "size_bytes": 1200, "reason": ""},
]


def test_what_of_the_archive_is_not_shown_is_said_by_page_and_text(visitor, logs):
    logs.put({"payload.stdout": b"out\n"})
    logs.row(unshown=UNSHOWN, unshown_count=7)
    text = visitor.get(TEXT).text
    assert text.startswith("===== payload.stdout =====\nout\n\n===== about this log =====\n")
    assert "payload.stderr is a link out of the archive, to /x\n" in text
    assert "not shown: core.<b>1 (1.2 kB), and 5 more\n" in text
    page = visitor.get(PAGE).text
    assert "payload.stderr is a link out of the archive, to /x" in page
    assert "core.&lt;b&gt;1 (1.2 kB), and 5 more" in page


def test_a_log_out_of_the_pilot_s_zip_says_so_and_a_zip_is_offered_and_not_printed(visitor, logs):
    logs.put({"payload.stdout": b"out\n", "oversized_files.zip": b"PK\0\1"})
    inner = "tarball/oversized_files.zip/payload.stdout"
    members = [
        {"name": "payload.stdout", "path": inner, "size_bytes": 4},
        {"name": "oversized_files.zip", "path": "oversized_files.zip", "size_bytes": 4},
    ]
    logs.row(members=members)
    text = visitor.get(TEXT).text
    assert "PK" not in text
    assert "===== oversized_files.zip =====\n(a zip of 4 bytes: download it)\n" in text
    assert f"payload.stdout is taken out of {inner}\n" in text
    page = visitor.get(PAGE).text
    assert f'href="/panda/jobs/{JOB}/log/members/oversized_files.zip?download=1"' in page
    assert page.count('role="tab"') == 1
    assert inner in page


def test_bytes_that_are_no_text_break_nothing(visitor, logs):
    logs.put({"payload.stdout": b"a\xff\xfe\x00b" + bytes(range(256)) * 2000})
    answer = visitor.get(TEXT)
    assert answer.status_code == 200
    assert answer.content.decode("utf-8").startswith("===== payload.stdout =====\na\ufffd\ufffd\0b")


def test_what_is_no_job_id_is_404_naming_it(visitor, logs):
    for name in ("abc", "0", "-1", "1.5", "9" * 30, "%C2%B2", "1%20"):
        for kind in ("payload-log", "log"):
            answer = visitor.get(f"/panda/jobs/{name}/{kind}/")
            named = httpx.URL(f"http://x/{name}").path[1:] in answer.text
            assert (name, answer.status_code, named) == (name, 404, True)
    assert logs.requests() == []


@pytest.mark.parametrize(
    ("state", "reason", "text"),
    [
        (LogState.NO_JOB, "PanDA knows no such job", f"job {JOB}: PanDA knows no such job"),
        (LogState.NO_JOB, f"job {JOB}: not found", f"job {JOB}: not found"),
        (LogState.NO_LOG, NO_LOG, NO_LOG),
    ],
)
def test_what_the_ops_side_did_not_find_is_404_and_looked_for_again_after_a_minute(
    visitor, logs, state, reason, text
):
    first = waited_for(visitor.get(TEXT))
    logs.fail(reason, state=state)
    assert (visitor.get(TEXT).status_code, visitor.get(TEXT).text) == (404, f"{text}\n")
    assert visitor.get(TEXT, params={"request": first}).text == f"{text}\n"
    logs.row(looked_up_at=now() - timedelta(seconds=61), state=state)
    assert waited_for(visitor.get(TEXT)) > first


def test_force_looks_for_it_at_once(visitor, logs):
    visitor.get(TEXT)
    logs.fail(NO_LOG, state=LogState.NO_LOG)
    assert visitor.get(TEXT, params={"force": "1"}).status_code == 202
    assert len(logs.requests()) == 2


def test_failures_are_tried_again_until_they_are_three(visitor, logs):
    for attempt in (1, 2, 3):
        waited = waited_for(visitor.get(TEXT))
        logs.fail("EIC-XRD: the door is closed", attempts=attempt)
        told = visitor.get(TEXT, params={"request": waited})
        assert told.status_code == 502
        assert "EIC-XRD: the door is closed" in told.text
    last = visitor.get(TEXT)
    assert last.status_code == 502
    assert "3 attempts failed" in last.text
    assert "Last error: EIC-XRD: the door is closed" in last.text
    assert "Append ?force=1 to retry" in last.text
    assert len(logs.requests()) == 3


def test_force_fetches_once_and_then_shows_the_result(visitor, logs):
    logs.put(MEMBERS)
    waited = waited_for(visitor.get(TEXT, params={"force": "1"}))
    assert logs.open_request().parameters["force"] is True
    check = {"request": waited, "force": "1"}
    assert [visitor.get(TEXT, params=check).status_code for _ in range(3)] == [202] * 3
    assert visitor.get(TEXT).text.startswith("===== payload.stdout =====\nout\n")
    logs.finish({"payload.stdout": b"new\n"})
    assert "new\n" in visitor.get(TEXT, params=check).text
    assert len(logs.requests()) == 1


def test_a_forced_fetch_that_failed_is_told_and_the_old_log_is_still_there(visitor, logs):
    logs.put(MEMBERS)
    waited = waited_for(visitor.get(TEXT, params={"force": "1"}))
    logs.fail("EIC-XRD: truncated")
    assert visitor.get(TEXT, params={"request": waited}).status_code == 502
    assert visitor.get(TEXT).status_code == 200
    assert len(logs.requests()) == 1


def test_a_request_that_is_not_of_this_log_is_404(visitor, logs):
    visitor.get("/panda/jobs/7/payload-log/")
    for request_id in ("x", "0", "99999", "9" * 40, "1"):
        for path in (TEXT, PAGE):
            assert visitor.get(path, params={"request": request_id}).status_code == 404
    assert len(logs.requests()) == 1


def test_a_pruned_log_is_fetched_again_by_looking(visitor, logs):
    logs.row(state=LogState.PRUNED, jeditaskid=TASK)
    assert visitor.get(TEXT).status_code == 202


def test_a_request_that_cannot_be_kept_is_503_with_the_reason(visitor, logs, monkeypatch):
    def away(*_: object, **__: object) -> None:
        raise DatabaseUnavailable("the database is unavailable: no answer")

    monkeypatch.setattr(queries.requests, "accept", away)
    answer = visitor.get(TEXT)
    assert (answer.status_code, "no answer" in answer.text) == (503, True)
    assert answer.headers["retry-after"]
    assert answer.headers["content-type"].startswith("text/plain")
    assert visitor.get(PAGE).status_code == 503


# ------------------------------------------------------------------ the page


def test_the_page_asks_for_the_log_and_shows_the_step_it_is_at(visitor, logs):
    visitor.get(PAGE)
    logs.progress(Step.COPY, "copying 12 of 100 MB from BNL-XRD")
    page = visitor.get(PAGE).text
    stands = re.findall(r'data-step="(\w+)" data-stands="(\w+)"', page)
    assert [step for step, _ in stands] == [step.value for step in STEPS]
    assert [each for _, each in stands] == ["done", "done", "now", "later", "later", "later"]
    assert "copying 12 of 100 MB from BNL-XRD" in page
    assert len(logs.requests()) == 1


def test_the_steps_of_another_request_are_not_shown_as_this_ones(visitor, logs):
    logs.row(state=LogState.WANTED, request_id=999, step=Step.UNPACK, step_text="unpacking")
    page = visitor.get(PAGE).text
    assert "unpacking" not in page
    assert "waiting for the ops side" in page


def test_the_page_has_a_tab_for_each_member_and_what_is_known_of_the_fetch(visitor, logs):
    logs.put(MEMBERS)
    page = visitor.get(PAGE).text
    assert re.findall(r'role="tab"[^>]*data-name="([^"]*)"', page) == [
        "payload.stdout", "payload.stderr", "pilotlog.txt",
    ]  # fmt: skip
    for text in ("EIC-XRD", f"group.EIC.example.log.{TASK}.000001.log.tgz", "0a1b2c3d"):
        assert text in page
    member = visitor.get(f"{PAGE}members/payload.stdout", params={"offset": 1, "length": 2})
    assert member.content == b"ut"
    assert visitor.get(f"{PAGE}archive/").status_code == 200


def test_the_page_of_what_failed_three_times_says_so_and_offers_to_fetch_again(visitor, logs):
    logs.row(state=LogState.FAILED, attempts=3, last_error="<b>EIC-XRD</b>: the door is closed")
    answer = visitor.get(PAGE)
    assert (answer.status_code, "attempt 3 of 3" in answer.text) == (200, True)
    assert "&lt;b&gt;EIC-XRD" in answer.text
    assert 'id="fetch" href="?force=1"' in answer.text
    assert logs.requests() == []


@pytest.mark.parametrize("state", [LogState.NO_JOB, LogState.NO_LOG])
def test_the_page_of_what_is_not_there_is_404_with_the_reason(visitor, logs, state):
    logs.row(state=state, last_error=NO_LOG, looked_up_at=now(), attempts=1)
    answer = visitor.get(PAGE)
    assert (answer.status_code, NO_LOG in answer.text) == (404, True)
    assert "Look again" in answer.text


def test_an_old_log_is_shown_with_the_failure_of_the_newest_fetch(visitor, logs):
    logs.put(MEMBERS)
    logs.row(state=LogState.FAILED, attempts=1, last_error="EIC-XRD: stalled")
    page = visitor.get(PAGE).text
    assert "EIC-XRD: stalled" in page
    assert "from an earlier fetch" in page
    assert 'data-name="payload.stdout"' in page
    assert logs.requests() == []


def test_the_page_leads_to_the_production_task_of_the_job_unless_its_number_is_another_s(
    logs, served_api, visitor
):
    with served_api.client() as api:
        task = Pcs(api).make_ready("t1", sample="")
    with transaction(logs.database.ops_engine) as session:
        session.execute(
            insert(Attempt).values(
                prod_task_id=task["id"], try_number=9, jedi_task_id=TASK, task_name="at-panda",
                association_source=next(iter(Association)),
            )
        )  # fmt: skip
        name = session.get(ProdTask, task["id"]).name
    logs.put(MEMBERS)
    assert f'id="task" href="/pcs/tasks/{name}/"' in visitor.get(PAGE).text
    with transaction(logs.database.ops_engine) as session:
        mistaken = {"task_name": name, "panda_name": "at-panda", "jedi_task_id": TASK}
        session.add(PandaRemark(kind="foreign", text="at PanDA it is another's", **mistaken))
    page = visitor.get(PAGE).text
    assert 'id="task"' not in page
    assert "at PanDA it is another&#39;s" in page


# ------------------------------------------------------------------ behind the proxy


@pytest.fixture
def outside(logs, monkeypatch, request, tmp_path):
    """A client behind the proxy, under a prefix; reads are for those whom it names."""
    require_nginx()
    monkeypatch.setenv("PRODOPS_ROOT_PATH", "/prod")
    monkeypatch.setenv("PRODOPS_API_OPEN_READS", "false")
    served = request.getfixturevalue("served_api")
    home = tmp_path / "nginx"
    home.mkdir()
    with proxied(served.url, home, user="anna") as url, httpx.Client(base_url=url) as client:
        yield client


def test_behind_the_proxy_a_log_is_asked_for_awaited_heard_of_and_read(outside, logs):
    page = outside.get(TEXT)
    waited = waited_for(page)
    assert logs.open_request().requested_by == "anna"
    stream = re.search(r'data-stream="/prod([^"]*)"', page.text).group(1)
    wanted = {"msg_types": "payload_log_ready,payload_log_failed", "subject": str(JOB)}
    with outside.stream("GET", stream, params=wanted) as told:
        lines = told.iter_lines()
        assert next(lines) == "event: connected"
        logs.finish(MEMBERS)
        data = next(line for line in lines if "payload_log_ready" in line and "data:" in line)
    assert json.loads(data.removeprefix("data: "))["pandaid"] == str(JOB)
    shown = outside.get(TEXT, params={"request": waited})
    assert (shown.status_code, "===== pilotlog.txt =====\npilot\n" in shown.text) == (200, True)


def test_behind_the_proxy_no_address_redirects_with_or_without_its_slash(outside, logs):
    logs.put(MEMBERS)
    for path in (TEXT, PAGE, f"{PAGE}archive/"):
        assert outside.get(path).status_code == outside.get(path.rstrip("/")).status_code == 200
    part = {"offset": 0, "length": 2}
    assert outside.get(f"{PAGE}members/payload.stdout", params=part).content == b"ou"
    assets = re.findall(r'(?:href|src)="/prod(/static/[^"]*)"', outside.get(PAGE).text)
    assert {outside.get(each).status_code for each in assets} == {200}


def test_without_a_known_reader_nothing_is_asked_for(logs, monkeypatch, request):
    monkeypatch.setenv("PRODOPS_API_OPEN_READS", "false")
    served = request.getfixturevalue("served_api")
    with served.client(token=None) as stranger:
        assert stranger.get(TEXT).status_code == stranger.get(PAGE).status_code == 401
    assert logs.requests() == []
