"""Every row of the measured table of prun's answers, and what they may never be taken for."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flows.submission.domain.verdict import Verdict, classify

SUBMIT = "INFO : submit group.EIC.test/"
FAILED = "ERROR : task submission failed"
QUEUED = (
    f"{FAILED}. jediTaskID=1 is already queued for outDS=x/. You cannot submit duplicated tasks."
)

SENT = [
    (0, "INFO : succeeded. new jediTaskID=1000", Verdict.CREATED, 1000),
    (90, QUEUED, Verdict.EXISTS, 1),
    (90, f"{FAILED}. jediTaskID=41 is in the defined state for outDS=x", Verdict.EXISTS, 41),
    (90, f"{FAILED}. jediTaskID=41 is in the broken state for outDS=x", Verdict.EXISTS, 41),
    (
        0,
        "INFO : reactivation accepted. jediTaskID=41 (currently in done state) will be re-executed",
        Verdict.REACTIVATED,
        41,
    ),
    (0, "INFO : The following DN is banned: DN=/CN=x", Verdict.REJECTED, None),
    (90, f"{FAILED}. too many tasks for you", Verdict.REJECTED, None),
    (90, f"{FAILED} with 255", Verdict.UNKNOWN, None),
    (1, "json.decoder.JSONDecodeError: Expecting value", Verdict.UNKNOWN, None),
    (None, "", Verdict.UNKNOWN, None),
    (0, "INFO : succeeded.", Verdict.UNKNOWN, None),
    (0, "", Verdict.UNKNOWN, None),
]
UNSENT = [
    (50, "ERROR : failed to upload sandbox with 255", True),
    (50, "ERROR : failed to upload sandbox with 500", True),
    (50, "ERROR : failed to upload sandbox with 0", True),
    (50, "ERROR : failed to upload sandbox with 403", False),
    (1, "AttributeError: 'str' object has no attribute 'get'", True),
    (137, "INFO : gathering files", True),
    (-9, "INFO : gathering files", True),
    (10, "ERROR : no outDS is given", False),
    (60, "ERROR : Failed to archive working area.", False),
    (2, "prun: error: unrecognized arguments: --resourceType", False),
    (255, "ERROR : PANDA_AUTH_VO is undefined", False),
    (0, "", False),
]


@pytest.mark.parametrize(("returncode", "answer", "verdict", "jedi_task_id"), SENT)
def test_what_came_after_sending_is_told_apart(returncode, answer, verdict, jedi_task_id):
    outcome = classify(returncode, f"INFO : upload\n{SUBMIT}\n{answer}\n")
    assert (outcome.verdict, outcome.jedi_task_id) == (verdict, jedi_task_id)
    assert outcome.reason


@pytest.mark.parametrize(("returncode", "answer", "is_outage"), UNSENT)
def test_without_the_submit_line_nothing_was_sent(returncode, answer, is_outage):
    outcome = classify(returncode, f"{answer}\n")
    assert (outcome.verdict, outcome.is_outage) == (Verdict.NOT_SENT, is_outage)


def test_a_refusal_that_prun_takes_for_a_success_is_not_sure():
    banned = classify(0, f"{SUBMIT}\nINFO : The following DN is banned: DN=/CN=x\n")
    refused = classify(90, f"{SUBMIT}\n{FAILED}. too many tasks for you\n")
    assert (banned.is_sure, refused.is_sure) == (False, True)


def test_a_killed_prun_is_unknown_only_after_it_sent():
    assert classify(None, f"{SUBMIT}\n", is_timed_out=True).verdict is Verdict.UNKNOWN
    assert classify(None, "INFO : gathering\n", is_timed_out=True).verdict is Verdict.NOT_SENT


def test_an_id_before_the_submit_line_is_nobodys():
    output = f"INFO : succeeded. new jediTaskID=7\n{SUBMIT}\n{FAILED} with 255\n"
    assert classify(90, output).verdict is Verdict.UNKNOWN


def test_an_id_in_other_words_is_not_taken_for_ours():
    output = f"{SUBMIT}\nINFO : hint: see jediTaskID=7\n{FAILED} with 255\n"
    outcome = classify(90, output)
    assert (outcome.verdict, outcome.jedi_task_id) == (Verdict.UNKNOWN, None)


def test_the_line_before_a_lost_answer_says_why():
    output = f"{SUBMIT}\nERROR : [Errno 104] Connection reset by peer\n{FAILED} with 255\n"
    assert "Connection reset" in classify(90, output).reason


@given(st.one_of(st.none(), st.integers(0, 255)), st.text(max_size=300), st.booleans())
def test_no_output_makes_it_fail_or_invent_an_id(returncode, output, is_timed_out):
    outcome = classify(returncode, f"{SUBMIT}\n{output}", is_timed_out=is_timed_out)
    has_id = outcome.verdict in {Verdict.CREATED, Verdict.EXISTS, Verdict.REACTIVATED}
    assert (outcome.jedi_task_id is not None) == has_id


@given(st.integers(0, 255), st.text(max_size=300))
def test_a_submission_that_was_sent_is_never_called_unsent(returncode, output):
    assert classify(returncode, f"{SUBMIT}\n{output}").verdict is not Verdict.NOT_SENT


def test_a_reason_can_be_kept_whatever_the_server_made_prun_print():
    output = f"{SUBMIT}\n{FAILED}. \x00bad\x1b[0m {'x' * 5000}\n"
    reason = classify(90, output).reason
    assert reason.isprintable()
    assert len(reason) <= 1000


def test_a_number_that_is_no_id_is_none():
    output = f"{SUBMIT}\nINFO : succeeded. new jediTaskID={'9' * 30}\n"
    assert classify(0, output).verdict is Verdict.UNKNOWN
