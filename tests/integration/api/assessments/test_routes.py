"""AI assessments over REST, and on the page of what they are about."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from flows.common.callers import Scope
from flows.common.database import transaction
from flows.payload_logs.models import LogState, PayloadLog
from tests.pcs_client import Pcs
from tests.produced import produced

pytestmark = pytest.mark.integration

PATH = "/api/assessments/"
BAIT = "<script>alert(1)</script> & **bold** {{ 7*7 }}"
DID = "epic:/RECO/26.05.0/epic_craterlake/DIS/NC/10x100"


@pytest.fixture
def token_scopes() -> frozenset[Scope]:
    return frozenset({Scope.READ, Scope.REQUEST})


def register(api: httpx.Client, kind: str, key: str, **more: Any) -> httpx.Response:
    form = {"subject_type": kind, "subject_key": key, "assessment": BAIT, "ai": "a-model"}
    return api.post(PATH, json=form | more)


def test_an_assessment_is_linked_with_its_task_and_listed(api):
    task = Pcs(api).make_task()
    made = register(api, "ctask", task["composed_name"], data={"verdict": "ok"})
    assert made.status_code == 201, made.text
    found = made.json()
    assert (found["subject_type"], found["subject_key"]) == ("campaign_task", "dis-10x100")
    assert (found["subject_label"], found["is_linked"]) == (task["composed_name"], True)
    assert (found["username"], found["ai"], found["data"]) == (
        "tester",
        "a-model",
        {"verdict": "ok"},
    )
    register(api, "thing", "x")
    about = {"subject_type": "prodtask", "subject_key": "dis-10x100"}
    assert api.get(PATH, params=about).json()["results"] == [found]
    assert api.get(PATH, params={"limit": 1}).json()["count"] == 2


def test_the_pages_show_it_as_text(api, database):
    Pcs(api).make_task()
    Pcs(api).add("campaigns", name="26.05.0")
    with transaction(database.ops_engine) as session:
        session.add(produced(DID.removeprefix("epic:"), files={"BNL-XRD": (1, 1)}))
        session.add(PayloadLog(pandaid=7, state=LogState.NO_LOG, last_error="none"))
    for kind, key, page in (
        ("campaign_task", "dis-10x100", "/pcs/tasks/dis-10x100/"),
        ("panda_job", "7", "/panda/jobs/7/log/"),
        ("dataset", DID, f"/pcs/did/?did={DID}"),
        ("campaign", "26.05.0", "/pcs/catalog/?campaign=26.05.0"),
    ):
        assert register(api, kind, key).json()["is_linked"] is True, kind
        shown = api.get(page).text
        assert "&lt;script&gt;alert(1)&lt;/script&gt; &amp; **bold** {{ 7*7 }}" in shown, kind
        assert "<script>alert" not in shown


def test_what_is_not_there_is_said_and_what_is_no_type_of_ours_is_kept(api):
    for kind, key in (("campaign_task", "no"), ("jedi", "5"), ("job", "x"), ("campaign", "no"),
                      ("dataset", "no"), ("request", "99")):  # fmt: skip
        answer = register(api, kind, key)
        assert answer.status_code == 404, kind
        assert answer.json()["detail"].startswith("No local subject found for ")
    assert register(api, "panda_queue", "BNL").json()["is_linked"] is False


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("assessment", " "),
        ("assessment", "x" * 100_001),
        ("assessment", "a\0"),
        ("data", {"x": "y" * 100_000}),
        ("data", []),
        ("subject_url", "javascript:alert(1)"),
        ("subject_key", "x" * 501),
        ("more", 1),
    ],
)
def test_a_field_that_cannot_be_taken_is_named(api, field, value):
    answer = register(api, "thing", "x", **{field: value})
    assert (answer.status_code, list(answer.json())) == (400, [field])


def test_nobody_registers_in_the_name_of_another(api, served_api):
    assert register(api, "thing", "x", username="boss").status_code == 403
    with served_api.client(token=None) as nobody:
        assert register(nobody, "thing", "x").status_code == 401
