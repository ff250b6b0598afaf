"""The gate's rules, which pages, PCS and the flow share."""

from flows.submission.domain import gate


def test_the_first_submission_is_refused_in_the_words_of_every_gate():
    assert gate.refusal("ready", None, is_relaxed=False) is None
    assert gate.refusal("ready", 41, is_relaxed=True) == "Already submitted as jediTaskID 41."
    only_ready = "Only a locked (ready) task can be submitted to PanDA; it is draft."
    assert gate.refusal("draft", None, is_relaxed=False) == only_ready


def test_only_a_recorded_submission_is_run_again():
    assert gate.may_be_rerun("failed", 41)
    assert not gate.may_be_rerun("failed", None)
    assert not gate.may_be_rerun("ready", 41)
