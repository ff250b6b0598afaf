"""The inputs are those of the seed, of every kind, and reach everything that is served."""

from __future__ import annotations

import pytest

from deployments.bench.abuse import callers, files, messages, requests
from deployments.bench.abuse.draw import Inputs, draw, files_among
from deployments.bench.abuse.generated import generate
from deployments.bench.abuse.operations import all_operations, document
from deployments.bench.abuse.requests import Known
from deployments.bench.abuse.rows import Column

KNOWN = Known({"prod-tasks/name": ["abuse1"]}, {"task_name": ["abuse1"]})
COLUMNS = [
    Column("fastmon_inbox", "namespace", "text", True, True, False),
    Column("fastmon_inbox", "received_at", "timestamp with time zone", True, True, False),
    Column("pcs_tag", "parameters", "jsonb", True, True, True),
]
PROOFS = {"token": "t", "proxy": "p"}


def drawn(seed: int, number: int = 4000, generated=None) -> Inputs:
    return draw(
        seed,
        number,
        operations=all_operations(),
        known=KNOWN,
        generated=generated or {},
        columns=COLUMNS,
        proofs=PROOFS,
    )


@pytest.fixture(scope="module")
def inputs() -> Inputs:
    return drawn(1)


@pytest.mark.slow
def test_a_seed_gives_the_same_inputs_each_time(inputs):
    assert drawn(1) == inputs


def test_another_seed_gives_others(inputs):
    other = drawn(2)
    assert other.sent != inputs.sent
    assert other.files != inputs.files
    assert other.rows != inputs.rows


@pytest.mark.parametrize("number", [50, 151])
def test_there_are_as_many_as_were_asked_for(number):
    assert len(drawn(3, number)) == number


def test_every_caller_reaches_every_operation(inputs):
    served = {str(each) for each in all_operations()}
    for label in callers.NAMES:
        assert {str(each.operation) for each in inputs.sent[label]} == served


def test_every_operation_of_the_openapi_document_is_among_them(inputs):
    documented = {
        f"{method.upper()} {path}"
        for path, methods in document()["paths"].items()
        for method in methods
    }
    assert documented
    assert documented <= {str(each.operation) for each in inputs.sent["nobody"]}


def test_pages_are_among_them_too(inputs):
    reached = {each.operation.path for each in inputs.sent["nobody"]}
    assert {"/", "/login/", "/pcs/tasks/", "/panda/jobs/{pandaid}/log/"} <= reached


def test_every_kind_of_request_is_among_them(inputs):
    kinds = {each.kind for sent in inputs.sent.values() for each in sent}
    assert kinds == {*requests.MUTATIONS, "message"}


def test_every_caller_sends_messages(inputs):
    for sent in inputs.sent.values():
        assert sum(each.target == messages.PATH for each in sent) >= 20


def test_every_kind_of_file_is_among_them(inputs):
    kinds = {each.kind for each in inputs.files}
    assert {files.ARCHIVE, files.PUBLISHED} < kinds
    assert {"regular", "fifo", "dangling", "directory"} < kinds
    assert len(inputs.files) == files_among(4000)


def test_every_kind_of_row_is_among_them(inputs):
    kinds = {each.kind for each in inputs.rows}
    assert kinds == {"insert", "update", "request", "notify", "forbidden"}


@pytest.mark.slow
def test_what_schemathesis_makes_is_sent_as_well():
    chosen = [each for each in all_operations() if each.path == "/api/runs/{key}/"]
    generated = generate(1, chosen, KNOWN, examples=2)
    assert set(generated) == {str(each) for each in chosen}
    sent = [each for of_one in drawn(1, 4000, generated).sent.values() for each in of_one]
    assert any(each.kind == "generated" for each in sent)


@pytest.mark.slow
def test_schemathesis_makes_the_same_of_a_seed_each_time():
    chosen = [each for each in all_operations() if each.path == "/api/stf-files/"]
    first, again = (generate(7, chosen, KNOWN, examples=3) for _ in range(2))
    assert first == again
    assert first != generate(8, chosen, KNOWN, examples=3)
