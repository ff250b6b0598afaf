"""The judge sees what it is there to see, and nothing where all is well."""

from __future__ import annotations

import pytest

from deployments.bench.abuse.callers import Sender
from deployments.bench.abuse.inputs import HttpInput
from deployments.bench.abuse.judge import EXEMPT, Judge, Kind
from deployments.bench.abuse.sending import Answer
from deployments.bench.abuse.snapshot import Row
from flows.common.callers import ALL, Scope, with_included
from tests.support.operations import by_name

SECRET = "s3cret-of-the-database-role"
OWN = "key-that-the-caller-sent-itself"
NOBODY = Sender("nobody")
READER = Sender("read", "abuse-read", frozenset({Scope.READ}))
REQUESTER = Sender("request", "abuse-request", with_included({Scope.REQUEST}))
AGENT = Sender("message", "abuse-message", with_included({Scope.MESSAGE}))
OPERATOR = Sender(
    "operate", "abuse-operate", with_included({Scope.OPERATE}), secrets=frozenset({OWN})
)
SENDERS = (NOBODY, READER, REQUESTER, AGENT, OPERATOR)


@pytest.fixture
def judge() -> Judge:
    guards = {
        "pcs_prod_task": frozenset({Scope.REQUEST}),
        "pcs_tag": frozenset({Scope.REQUEST}),
        "swf_runs": frozenset({Scope.MESSAGE}),
        "swf_fastmon_files": frozenset({Scope.MESSAGE}),
        "swf_systemagent": frozenset({Scope.MESSAGE}),
    }
    users = {"bench": ALL} | {each.name: each.scopes for each in SENDERS if each.name}
    secrets = {SECRET: "the password of prodops_ops", OWN: "a secret of abuse-operate"}
    return Judge(secrets, guards, users)


def request(operation: str = "GET /api/runs/", **more: object) -> HttpInput:
    found = by_name()[operation]
    return HttpInput(
        **{"kind": "good", "method": found.method, "target": "/", "operation": found} | more
    )


def counts(judge: Judge) -> dict[Kind, int]:
    return {kind: judge.count(kind) for kind in Kind if judge.count(kind)}


# ------------------------------------------------------------------ answers


@pytest.mark.parametrize("status", [500, 501, 502, 504, 599])
def test_a_server_error_is_counted(judge, status):
    judge.answered(OPERATOR, request(), Answer(status))
    assert counts(judge) == {Kind.SERVER_ERROR: 1}


@pytest.mark.parametrize("status", [200, 202, 304, 400, 401, 403, 404, 405, 409, 413, 415, 503])
def test_no_other_answer_to_a_reader_is(judge, status):
    judge.answered(OPERATOR, request(), Answer(status, (("A", "b"),), b"fine"))
    assert counts(judge) == {}


def test_no_answer_is_counted_where_one_is_owed(judge):
    judge.answered(OPERATOR, request(), Answer(0, problem="timeout"))
    assert counts(judge) == {Kind.SERVER_ERROR: 1}


def test_no_answer_to_what_is_no_http_is_not(judge):
    judge.answered(OPERATOR, request(is_answered=False), Answer(0, problem="closed"))
    assert counts(judge) == {}


@pytest.mark.parametrize(("status", "count"), [(502, 0), (500, 1), (504, 1)])
def test_where_502_is_the_answer_of_the_contract_it_is_none(judge, status, count):
    judge.answered(OPERATOR, request("GET /pcs/did/"), Answer(status))
    assert judge.count(Kind.SERVER_ERROR) == count


def test_a_connection_that_hangs_is_counted_whatever_was_sent(judge):
    judge.answered(OPERATOR, request(is_answered=False), Answer(0, is_late=True))
    assert counts(judge) == {Kind.SERVER_ERROR: 1}


@pytest.mark.parametrize(
    "answer",
    [
        Answer(200, (), f"x{SECRET}x".encode()),
        Answer(404, (("X-Debug", SECRET),)),
        Answer(302, (("Location", f"/?key={SECRET}"),)),
        Answer(400, (), SECRET.encode() + b"\xff\xfe"),
    ],
)
def test_a_secret_in_an_answer_is_a_leak(judge, answer):
    judge.answered(OPERATOR, request(), answer)
    assert counts(judge) == {Kind.LEAK: 1}


def test_a_callers_own_secret_is_none_and_anothers_is(judge):
    judge.answered(OPERATOR, request(), Answer(200, (), OWN.encode()))
    assert counts(judge) == {}
    judge.answered(READER, request(), Answer(200, (), OWN.encode()))
    assert counts(judge) == {Kind.LEAK: 1}


@pytest.mark.parametrize(
    ("sender", "operation"),
    [
        (NOBODY, "POST /api/messages/"),
        (READER, "DELETE /api/runs/{key}/"),
        (REQUESTER, "POST /api/messages/"),
        (AGENT, "POST /pcs/api/prod-tasks/"),
        (REQUESTER, "POST /api/actions/check_pipeline/"),
    ],
)
def test_a_write_that_was_done_without_its_scope_is_beyond_it(judge, sender, operation):
    judge.answered(sender, request(operation), Answer(201))
    assert counts(judge) == {Kind.BEYOND_SCOPE: 1}


@pytest.mark.parametrize(
    ("sender", "operation", "status"),
    [
        (AGENT, "POST /api/messages/", 201),
        (REQUESTER, "POST /pcs/api/prod-tasks/", 201),
        (OPERATOR, "POST /api/actions/check_pipeline/", 202),
        (READER, "POST /api/messages/", 403),
        (NOBODY, "POST /login/", 200),
    ],
)
def test_a_write_with_its_scope_or_a_refused_one_is_not(judge, sender, operation, status):
    judge.answered(sender, request(operation), Answer(status))
    assert counts(judge) == {}


def test_every_exemption_is_of_an_operation_and_says_why():
    for (check, operation), reason in EXEMPT.items():
        assert check in {kind.value for kind in Kind}
        assert operation in by_name()
        assert len(reason) > 20


# ------------------------------------------------------------------ tables


def wrote(judge: Judge, sender: Sender, table: str, before: Row | None, after: Row | None):
    def rows(row: Row | None) -> dict[tuple[str, str], Row]:
        return {(table, "1"): row} if row else {}

    judge.wrote(sender, rows(before), rows(after))
    return counts(judge)


NEW = Row("new")
BEYOND = {Kind.BEYOND_SCOPE: 1}


@pytest.mark.parametrize(
    ("sender", "table"),
    [
        (NOBODY, "pcs_tag"),
        (READER, "swf_runs"),
        (AGENT, "pcs_tag"),
        (REQUESTER, "swf_runs"),
        (READER, "event"),
        (OPERATOR, "api_token"),  # nobody's
        (OPERATOR, "api_policy"),
        (AGENT, "api_user"),
    ],
)
def test_a_row_that_its_scope_does_not_permit_is_beyond_it(judge, sender, table):
    assert wrote(judge, sender, table, None, NEW) == BEYOND


@pytest.mark.parametrize(
    "token", [Row("new", "bench", "read"), Row("new", "abuse-request", "read operate")]
)
def test_a_token_of_another_or_with_more_scopes_is_beyond_the_caller_s(judge, token):
    assert wrote(judge, REQUESTER, "api_token", None, token) == BEYOND


@pytest.mark.parametrize("after", [Row("other", "bench"), None])
def test_a_change_of_anothers_task_is_beyond_the_scope_request(judge, after):
    assert wrote(judge, REQUESTER, "pcs_prod_task", Row("old", "bench"), after) == BEYOND


@pytest.mark.parametrize(
    ("sender", "table", "before", "after"),
    [
        (REQUESTER, "pcs_prod_task", Row("old", "abuse-request"), None),
        (REQUESTER, "pcs_prod_task", None, Row("new", "abuse-request")),
        (OPERATOR, "pcs_prod_task", Row("old", "bench"), None),
        (AGENT, "swf_runs", None, NEW),
        (AGENT, "event", None, NEW),
        (READER, "event", None, Row("new", about="17")),
        (READER, "swf_fastmon_files", None, Row("new", about="3")),
        (READER, "swf_systemagent", Row("old", about="a part"), Row("new", about="a part")),
        (READER, "ops_part", Row("old"), NEW),
        (READER, "request", None, Row("new", "sweeper", "sample_stfs")),
        (REQUESTER, "request", None, Row("new", "abuse-request", "submit_task")),
        (READER, "request", Row("old", "bench", "check_pipeline"), Row("new", "bench")),
        (REQUESTER, "cancellation", None, Row("new", "abuse-request", "abuse-request")),
        (OPERATOR, "cancellation", None, Row("new", "abuse-operate", "bench")),
        (REQUESTER, "api_session", None, Row("new", "abuse-request")),
        (REQUESTER, "api_token", None, Row("new", "abuse-request", "read request")),
    ],
)
def test_what_may_be_written_is_not_counted(judge, sender, table, before, after):
    assert wrote(judge, sender, table, before, after) == {}


@pytest.mark.parametrize(
    ("sender", "table", "after"),
    [
        (READER, "request", Row("new", "abuse-read", "submit_task")),
        (REQUESTER, "request", Row("new", "abuse-request", "check_pipeline")),
        (OPERATOR, "request", Row("new", "bench", "check_pipeline")),
        (NOBODY, "request", Row("new", "bench", "check_pipeline")),
        (REQUESTER, "cancellation", Row("new", "abuse-request", "bench")),
        (REQUESTER, "cancellation", Row("new", "bench", "bench")),
        (OPERATOR, "api_session", Row("new", "bench")),
    ],
)
def test_a_request_or_session_beyond_what_one_may_is_counted(judge, sender, table, after):
    assert wrote(judge, sender, table, None, after) == BEYOND


def test_requests_do_not_go(judge):
    row = Row("old", "bench", "check_pipeline")
    assert wrote(judge, OPERATOR, "request", row, None) == BEYOND


# ------------------------------------------------------------------ parts


def test_a_part_that_ended_is_counted_though_it_runs_again(judge):
    judge.ended("requests", {10: "api", 11: "worker"}, {12: "api", 11: "worker"})
    assert counts(judge) == {Kind.ENDED_PART: 1}
    assert "api" in judge.faults[0].text


def test_parts_that_go_on_are_not(judge):
    judge.ended("requests", {10: "api"}, {10: "api", 14: "scanner"})
    assert counts(judge) == {}
