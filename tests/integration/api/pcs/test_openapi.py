"""Whatever a caller sends to a route of PCS that finds its rows, the answer is no server error."""

from __future__ import annotations

import pytest
import requests
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from schemathesis import GenerationMode
from schemathesis.schemas import APIOperation

from tests.integration.api.http.test_openapi import (
    OF_PCS,
    STEPS,
    connection,
    operations,
    seams,
    some,
)
from tests.pcs_client import Pcs

pytestmark = pytest.mark.integration

KEYS = {"number": 1, "digit": 3, "pk": 1, "name": "1"}


@pytest.fixture
def pcs(api) -> Pcs:
    """A PCS with a row of key 1 of each kind."""
    pcs = Pcs(api)
    pcs.add("campaigns", name="26.05.0")
    pcs.add("prod-requests")
    pcs.add("background-tags", parameters={"background_type": "x"})
    pcs.make_ready("t")
    pcs.submit("t")
    return pcs


def of_pcs(pcs: Pcs) -> list[APIOperation]:
    found = operations(pcs.http.get("/openapi.json").json())
    listed = [each for each in found if each.path.startswith(OF_PCS)]
    assert len(listed) > 60
    # What deletes comes last, so that the others find their rows.
    return sorted(listed, key=lambda each: each.method == "delete" or "delete" in each.path)


@pytest.mark.slow
@pytest.mark.parametrize("step", STEPS)
def test_no_awkward_value_is_a_server_error_where_there_are_rows(pcs, subtests, step):
    for number, operation in enumerate(of_pcs(pcs)):
        keys = {operation.path: next((str(KEYS[name]) for name in parameters(operation)), "1")}
        with subtests.test(operation.label):
            for request in some(seams(operation, keys), number, step):
                answer = pcs.http.request(**request)
                assert answer.status_code < 500, f"{answer.text} for {request}"


@pytest.mark.slow
@pytest.mark.parametrize("examples", [2, 12])
def test_no_made_up_body_is_a_server_error_where_there_are_rows(
    pcs, served_api, subtests, examples
):
    with connection() as session:
        session.headers.update(served_api.authorization)
        for operation in of_pcs(pcs):
            with subtests.test(operation.label):
                attack(operation, served_api.url, session, examples)


def parameters(operation: APIOperation) -> list[str]:
    described = operation.definition.raw.get("parameters", [])
    return [each["name"] for each in described if each["in"] == "path"]


def attack(operation: APIOperation, url: str, session: requests.Session, examples: int) -> None:
    """Send good and bad requests to the operation's rows."""
    cases = [operation.as_strategy(generation_mode=mode) for mode in GenerationMode]

    @settings(
        max_examples=examples,
        derandomize=True,
        deadline=None,
        database=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(case=st.one_of(cases))
    def send(case) -> None:
        case.path_parameters = {name: KEYS[name] for name in parameters(operation)}
        answer = case.call(base_url=url, session=session)
        assert answer.status_code < 500, f"{answer.text} for {case.as_curl_command()}"

    send()
