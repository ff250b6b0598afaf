"""Which status may follow which, and what a task lacks to be ready."""

from __future__ import annotations

import itertools
from dataclasses import replace

import pytest

from api.pcs.domain import lifecycle
from api.pcs.domain.effective import effective
from api.pcs.domain.lifecycle import TagFacts, TaskPlan
from api.pcs.models import TagKind, TaskStatus
from tests.pcs_client import COMPOSED, TAGS
from tests.pcs_client import CONFIG as SENT

CONFIG = {"copy_reco": True, **SENT}
BEAM = TAGS["physics"]["parameters"]
LOCKED = {
    TagKind.PHYSICS: TagFacts("p3001", True, BEAM),
    TagKind.EVGEN: TagFacts("e1", True),
    TagKind.SIMU: TagFacts("s1", True),
    TagKind.RECO: TagFacts("r1", True),
}
READY = TaskPlan(out_ds=COMPOSED, next_out_ds=COMPOSED, config=effective(CONFIG, None), tags=LOCKED)


def reasons(**changes: object) -> str:
    return "; ".join(lifecycle.reasons_against(replace(READY, **changes)))


def overridden(**overrides: object) -> str:
    return reasons(config=effective(CONFIG, overrides))


def test_a_task_with_all_that_it_takes_is_ready():
    assert reasons() == ""


def test_a_hand_may_set_only_these_statuses():
    allowed = {
        (current, wanted)
        for current, wanted in itertools.permutations(TaskStatus, 2)
        if lifecycle.is_allowed(current, wanted)
    }
    assert allowed == {
        ("draft", "ready"), ("ready", "draft"), ("submitted", "completed"), ("submitted", "failed")
    }  # fmt: skip


@pytest.mark.parametrize("current", TaskStatus)
def test_the_same_status_again_is_no_change(current):
    assert lifecycle.is_allowed(current, current)


@pytest.mark.parametrize(
    ("current", "panda", "following"),
    [
        ("submitted", "done", "completed"),
        ("submitted", "finished", "completed"),
        ("submitted", "failed", "failed"),
        ("submitted", "broken", "failed"),
        ("submitted", "aborted", "failed"),
        ("submitted", "running", "submitted"),
        ("submitted", "exhausted", "submitted"),
        ("failed", "running", "submitted"),
        ("failed", "toabort", "failed"),
        ("completed", "registered", "submitted"),
        ("failed", "done", "completed"),
        ("draft", "done", "draft"),
        ("ready", "running", "ready"),
        ("past_output", "failed", "past_output"),
    ],
)
def test_what_was_seen_at_panda_sets_the_status(current, panda, following):
    assert lifecycle.status_after(TaskStatus(current), panda) == following


@pytest.mark.parametrize("kind", [TagKind.PHYSICS, TagKind.EVGEN, TagKind.SIMU, TagKind.RECO])
def test_a_draft_or_absent_tag_is_named(kind):
    word = kind.name.lower()
    rest = {each: tag for each, tag in LOCKED.items() if each != kind}
    assert f"no {word} tag" in reasons(tags=rest)
    drafts = LOCKED | {kind: replace(LOCKED[kind], is_locked=False)}
    assert f"its {word} tag {LOCKED[kind].label} is a draft" in reasons(tags=drafts)
    assert reasons(tags=drafts, is_relaxed=True) == ""


def test_what_prun_would_refuse_is_named():
    assert "--resourceType" in overridden(panda_resource_type="MCORE")
    assert "exec_command is not set" in overridden(data={"exec_command": ""})
    assert "data.official is not set" in overridden(data={"official": False})
    assert "panda_site" in overridden(panda_site="a b")


def test_a_name_that_prun_would_refuse_is_named():
    assert reasons(next_out_ds="group.EIC." + "x" * 121) == ""
    assert "longer than the 131" in reasons(next_out_ds="group.EIC." + "x" * 122)
    assert "does not start with group.EIC." in reasons(next_out_ds="user.me.x")
    assert "is not a name" in reasons(next_out_ds="group.EIC.a b")


def test_a_name_that_two_tasks_have_is_named():
    assert "'other'" in reasons(sharing=("other",))


def test_a_task_that_keeps_nothing_is_not_ready():
    assert "nothing would be kept" in overridden(copy_reco=False)
    assert overridden(copy_reco=False, copy_full=True) == ""


def test_background_mixing_wants_a_background():
    assert "bg_mixing" in overridden(bg_mixing=True)
    assert overridden(bg_mixing=True, bg_cross_section="1 mb") == ""
    mixed = effective(CONFIG, {"bg_mixing": True})
    assert reasons(config=mixed, tags=LOCKED | {TagKind.BACKGROUND: TagFacts("k1", True)}) == ""


def test_the_catalogs_beam_is_that_of_the_tag():
    assert reasons(catalog_filters={"beam": "10x100"}) == ""
    assert "18x275" in reasons(catalog_filters={"beam": "18x275"})
    assert reasons(catalog_filters={"beam": "18x275", "physics": "BACKGROUNDS"}) == ""
