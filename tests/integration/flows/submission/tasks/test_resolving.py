"""An id that PCS refuses for good ends with words, and an operator settles it."""

from __future__ import annotations

import pytest
from sqlalchemy import select, update

from flows.common.callers import ALL, Scope
from flows.common.database import now, transaction
from flows.common.models import Request
from flows.common.settings import settings
from flows.submission.models import SubmissionAttempt, SubmissionResolution
from tests.cases import same
from tests.support import submissions as support
from tests.support.submissions import STRANGER, Submissions

pytestmark = pytest.mark.integration


@pytest.fixture
def token_scopes() -> frozenset[Scope]:
    """An operator's."""
    return ALL


submissions = support.submissions


def collided(submissions: Submissions) -> int:
    """`birch` got the number at a PanDA made anew that is recorded for `elm`."""
    number = submissions.submitted("elm")
    submissions.lose_panda()
    submissions.ready("birch")
    submissions.submit("birch")
    return number


def decisions(submissions: Submissions) -> list[SubmissionResolution]:
    with transaction(submissions.database.ops_engine) as session:
        return list(session.scalars(select(SubmissionResolution).order_by(SubmissionResolution.id)))


def resolve(submissions: Submissions, name: str, **decision):
    submissions.pcs.good("POST", f"prod-tasks/{name}/resolve/", {"reason": "looked", **decision})
    return submissions.work()


def test_an_id_that_is_recorded_for_another_ends_the_request_in_words(submissions):
    number = collided(submissions)
    attempt = submissions.attempt("birch")
    request = submissions.request(attempt.request_id)
    assert (request.state, attempt.state) == ("failed", "unresolved")
    elm = submissions.pcs.task("elm")["composed_name"]
    assert f"jediTaskID {number} is that of attempt {elm}" in request.error
    assert "prodops task resolve birch" in request.error
    [event] = submissions.events("prodtask_submit_unrecorded")
    assert (event["jedi_task_id"], event["reason"]) == (str(number), request.error)
    assert (event["is_final"], "next_check_at" in event) == (True, False)
    assert submissions.events("prodtask_submit_failed") == []


def test_what_is_unresolved_is_not_submitted_again(submissions):
    collided(submissions)
    answer = submissions.pcs.send("POST", "prod-tasks/birch/submit/")
    assert answer.status_code == 409
    assert "unresolved" in answer.json()["detail"]
    request = submissions.ask("submit_task", task_name="birch")
    assert "an operator settles it" in request.error
    assert len(submissions.panda.tasks()) == 1


@pytest.mark.slow
def test_both_sides_of_a_collision_are_settled_by_an_operator(submissions):
    number = collided(submissions)
    submissions.panda.refine()
    assert resolve(submissions, "birch", adopt=number).state == "failed"
    assert submissions.attempt("birch").state == "unresolved"
    assert resolve(submissions, "elm", failed=True).state == "completed"
    elm = submissions.pcs.task("elm")
    assert (elm["status"], elm["panda_task_id"]) == ("ready", None)
    assert elm["panda_tasks"][0]["metadata"]["replaced_jedi_task_ids"] == [number]
    request = resolve(submissions, "birch", adopt=number)
    assert request.state == "completed", request.error
    birch = submissions.pcs.task("birch")
    assert (birch["status"], birch["panda_task_id"]) == ("submitted", number)
    assert submissions.attempt("birch").state == "recorded"
    [final] = submissions.events("prodtask_submitted", task_name="birch")
    assert final["jedi_task_id"] == str(number)
    submissions.sync()
    assert submissions.remarks("birch") == submissions.remarks("elm") == {}


@pytest.mark.slow
def test_who_when_and_why_is_kept_and_announced(submissions):
    collided(submissions)
    resolve(submissions, "elm", failed=True)
    [decided] = decisions(submissions)
    assert (decided.resolved_by, decided.reason, decided.outcome) == ("tester", "looked", "failed")
    [event] = submissions.events("prodtask_submit_resolved")
    assert (event["resolved_by"], event["reason"], event["outcome"]) == (
        "tester",
        "looked",
        "failed",
    )
    [failed] = submissions.events("prodtask_submit_failed", task_name="elm")
    assert "resolved as failed by tester: looked" in failed["reason"]


@pytest.mark.slow
def test_after_a_failure_by_word_the_task_is_submitted_under_its_next_name(submissions):
    collided(submissions)
    resolve(submissions, "elm", failed=True)
    request = submissions.submit("elm")
    assert request.state == "completed", request.error
    assert request.result["panda_task_name"].endswith(".try2")


@pytest.mark.slow
def test_an_id_of_another_name_is_not_adopted(submissions):
    collided(submissions)
    other = submissions.by_hand("group.EIC.oak")
    request = resolve(submissions, "birch", adopt=other)
    assert request.state == "failed"
    assert "group.EIC.oak" in request.error
    assert "knows no task 99" in resolve(submissions, "birch", adopt=99).error
    assert decisions(submissions) == []


@pytest.mark.slow
def test_another_user_s_task_of_the_name_is_adopted_with_what_differs_and_may_be_operated(
    submissions,
):
    name = submissions.ready("elm")
    number = submissions.by_hand(name, STRANGER)
    submissions.pcs.record("elm", jedi_task_id=number)
    request = resolve(submissions, "elm", adopt=number)
    assert request.state == "completed", request.error
    [decided] = decisions(submissions)
    assert f"it was submitted by {STRANGER}" in decided.differs
    assert submissions.operate("elm", "panda-pause").state == "completed"


def test_what_lives_at_panda_under_the_name_has_not_failed(submissions):
    number = submissions.submitted("elm")
    request = resolve(submissions, "elm", failed=True)
    assert "a live task of the name" in request.error
    assert str(number) in request.error
    assert submissions.pcs.task("elm")["panda_task_id"] == number


def test_what_ended_at_panda_as_ours_is_followed_and_not_failed_by_word(submissions):
    number = submissions.submitted("elm")
    submissions.panda.set_status(number, "done")
    assert "it is followed" in resolve(submissions, "elm", failed=True).error


def unknown(submissions: Submissions) -> Request:
    """`elm` was sent, and whether PanDA has it is not known; the server may be working on it."""
    submissions.ready("elm")
    with submissions.monkeypatch.context() as patch:
        patch.setenv("PRODOPS_SUBMISSION_SERVER_LIMIT_SECONDS", "600")
        settings.cache_clear()
        submissions.panda.fault("task/submit", "drop", "before", times=1)
        request = submissions.submit("elm")
    settings.cache_clear()
    assert request.state == "unknown"
    return request


def let_the_server_be_done(submissions: Submissions) -> None:
    with transaction(submissions.database.ops_engine) as session:
        session.execute(update(SubmissionAttempt).values(sending_until=now()))


def test_what_panda_may_still_be_making_has_not_failed(submissions):
    submission = unknown(submissions)
    request = resolve_first(submissions, "elm", failed=True)
    assert "PanDA may work on what was sent until" in request.error
    assert submissions.request(submission.id).state == "unknown"


def resolve_first(submissions: Submissions, name: str, **decision):
    """Decide while the submission's own request waits for its next look."""
    answer = submissions.pcs.good(
        "POST", f"prod-tasks/{name}/resolve/", {"reason": "looked", **decision}
    )
    return submissions.work(answer["request_id"])


@pytest.mark.parametrize("decision", same("adopt", "failed"))
def test_what_is_unknown_is_ended_by_an_operator(submissions, decision):
    submission = unknown(submissions)
    let_the_server_be_done(submissions)
    if decision == "adopt":
        number = submissions.by_hand(submissions.pcs.task("elm")["composed_name"])
        request = resolve_first(submissions, "elm", adopt=number)
        assert submissions.request(submission.id).state == "completed"
        assert submissions.pcs.task("elm")["panda_task_id"] == number
    else:
        request = resolve_first(submissions, "elm", failed=True)
        assert submissions.request(submission.id).state == "failed"
        assert submissions.pcs.task("elm")["panda_tasks"][0]["status_snapshot"] == "submit_failed"
    assert request.state == "completed", request.error
    assert len(submissions.finals("elm")) == 1


def test_a_submission_that_is_worked_on_is_waited_for(submissions):
    submission = unknown(submissions)
    let_the_server_be_done(submissions)
    submissions.hold(submission.id)
    request = resolve_first(submissions, "elm", failed=True)
    assert request.state == "queued"
    assert "is being worked on" in request.error
    assert decisions(submissions) == []


@pytest.mark.slow
def test_a_deciding_run_that_is_lost_is_gone_on_with(submissions, monkeypatch):
    number = collided(submissions)
    submissions.panda.refine()
    runs = {"record_failure": lambda: resolve(submissions, "elm", failed=True)}
    for step in ("record_failure", "close"):
        run = runs.get(step, submissions.resume)
        with monkeypatch.context() as patch:
            patch.setattr(f"flows.submission.tasks.recording.{step}", lost)
            with pytest.raises(Lost):
                run()
    assert submissions.resume().state == "completed"
    assert len(decisions(submissions)) == 1
    assert len(submissions.events("prodtask_submit_resolved")) == 1
    assert len(submissions.events("prodtask_submit_failed", task_name="elm")) == 1
    assert submissions.pcs.task("elm")["panda_task_id"] is None
    assert resolve(submissions, "birch", adopt=number).state == "completed"


def test_a_refusal_that_may_pass_is_waited_out_and_a_cancel_ends_it(submissions):
    submissions.ready("elm")
    with submissions.refused_by_pcs():
        request = submissions.submit("elm")
        assert (request.state, submissions.attempt("elm").state) == ("unknown", "created")
        submissions.cancel(request.id)
        request = submissions.work(request.id)
    assert (request.state, submissions.attempt("elm").state) == ("cancelled", "unresolved")
    assert "prodops task resolve elm" in request.error
    number = submissions.attempt("elm").jedi_task_id
    submissions.panda.refine()
    assert resolve(submissions, "elm", adopt=number).state == "completed"
    assert submissions.pcs.task("elm")["panda_task_id"] == number


def test_a_task_of_which_nothing_waits_is_not_resolved(submissions):
    submissions.ready("elm")
    assert "nothing of elm waits" in resolve(submissions, "elm", failed=True).error


@pytest.mark.parametrize(
    "body", [{"reason": "x"}, {"adopt": 4, "failed": True, "reason": "x"}, {"adopt": 4}]
)
def test_a_decision_is_one_and_has_a_reason(submissions, body):
    submissions.ready("elm")
    assert submissions.pcs.send("POST", "prod-tasks/elm/resolve/", body).status_code == 400


class Lost(Exception):
    """The run is killed."""


def lost(*_args: object, **_more: object) -> None:
    raise Lost
