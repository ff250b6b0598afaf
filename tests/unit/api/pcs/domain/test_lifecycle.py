"""Which status may follow which, and what a task lacks to be ready."""

from __future__ import annotations

import itertools
from collections.abc import Collection
from typing import Any

import pytest

from api.pcs.domain import lifecycle
from api.pcs.domain.effective import effective
from api.pcs.models import Dataset, ProdTask, Tag, TagKind, TaskStatus
from tests.pcs_client import COMPOSED, TAGS
from tests.pcs_client import CONFIG as SENT

CONFIG = {"copy_reco": True, **SENT}
REQUIRED = [TagKind.PHYSICS, TagKind.EVGEN, TagKind.SIMU, TagKind.RECO]
LABELS = dict(zip(REQUIRED, ("p3001", "e1", "s1", "r1"), strict=True))


def tagged(*, drafts: Collection[TagKind] = (), **more: Tag | None) -> Dataset:
    """A dataset with all the tags that are required, but for `more`."""
    tags = {
        kind.field: Tag(
            tag_label=label, status="draft" if kind in drafts else "locked", parameters={}
        )
        for kind, label in LABELS.items()
    }
    tags["physics_tag"].parameters = TAGS["physics"]["parameters"]
    return Dataset(composed_name=COMPOSED, **tags | more)


def reasons(
    *,
    dataset: Dataset | None = None,
    overrides: dict[str, Any] | None = None,
    next_name: str = COMPOSED,
    **changes: Any,
) -> str:
    task = ProdTask(dataset=dataset or tagged(), overrides=overrides)
    config = effective(CONFIG, overrides)
    found = lifecycle.reasons_against(task, config, next_name=next_name, **changes)
    return "; ".join(found)


def overridden(**overrides: object) -> str:
    return reasons(overrides=overrides)


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


@pytest.mark.parametrize("kind", REQUIRED)
def test_a_draft_or_absent_tag_is_named(kind):
    word = kind.name.lower()
    assert f"no {word} tag" in reasons(dataset=tagged(**{kind.field: None}))
    draft = tagged(drafts=[kind])
    assert f"its {word} tag {LABELS[kind]} is a draft" in reasons(dataset=draft)
    assert reasons(dataset=draft, is_relaxed=True) == ""


def test_what_prun_would_refuse_is_named():
    assert "--resourceType" in overridden(panda_resource_type="MCORE")
    assert "exec_command is not set" in overridden(data={"exec_command": ""})
    assert "data.official is not set" in overridden(data={"official": False})
    assert "panda_site" in overridden(panda_site="a b")


def named(length: int) -> str:
    """What is said of a task whose name at PanDA has that many characters."""
    dataset = tagged()
    dataset.composed_name = "group.EIC." + "x" * (length - len("group.EIC."))
    return reasons(dataset=dataset, next_name=dataset.composed_name)


def test_a_name_that_prun_would_refuse_is_named():
    assert "does not start with group.EIC." in reasons(next_name="user.me.x")
    assert "is not a name" in reasons(next_name="group.EIC.a b")


def test_a_name_leaves_room_for_its_outputs_and_its_later_attempts():
    longest = 131 - len(".try999") - len("_myout.txt")
    assert named(longest) == ""
    assert ".try999_myout.txt" in named(longest + 1)
    assert "too long by 1 characters" in named(longest + 1)


@pytest.mark.parametrize(
    ("data", "words"),
    [
        ({"outputs": "a" * 100}, "--outDS is too long"),
        ({"outputs": ",".join(f"f{each}" for each in range(11))}, "names 11 files"),
        ({"outputs": "a:b:c"}, "data.outputs"),
        ({"corecount": 4}, "--nCore is 4"),
        ({"exec_command": "./run.sh %DB:x"}, "database release"),
        ({"vo": "x" * 33}, "data.vo is longer than the 32 characters that PanDA keeps"),
    ],
)
def test_values_that_prun_or_panda_would_refuse_are_named(data, words):
    assert words in overridden(data=data)


def test_a_name_that_two_tasks_have_is_named():
    assert "'other'" in reasons(sharing=("other",))


def test_a_task_that_keeps_nothing_is_not_ready():
    assert "nothing would be kept" in overridden(copy_reco=False)
    assert overridden(copy_reco=False, copy_full=True) == ""


def test_background_mixing_wants_a_background():
    assert "bg_mixing" in overridden(bg_mixing=True)
    assert overridden(bg_mixing=True, bg_cross_section="1 mb") == ""
    background = tagged(background_tag=Tag(tag_label="k1", status="locked"))
    assert reasons(dataset=background, overrides={"bg_mixing": True}) == ""


def test_the_catalogs_beam_is_that_of_the_tag():
    def wanting(**filters: str) -> str:
        return overridden(csv_import={"filters": filters})

    assert wanting(beam="10x100") == ""
    assert "18x275" in wanting(beam="18x275")
    assert wanting(beam="18x275", physics="BACKGROUNDS") == ""
