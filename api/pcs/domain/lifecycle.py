"""The statuses of tasks, which change may follow which, and what makes a task ready. Pure.

Source: ops contract section 2.3.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from api.pcs.domain.effective import EffectiveConfig
from api.pcs.domain.names import MAX_OUT_DS
from api.pcs.domain.value_forms import OUT_DS
from api.pcs.models import TagKind, TaskStatus

_BY_HAND: Final = {
    TaskStatus.DRAFT: {TaskStatus.READY},
    TaskStatus.READY: {TaskStatus.DRAFT},
    TaskStatus.SUBMITTED: {TaskStatus.COMPLETED, TaskStatus.FAILED},
}
"""What `set-status` may do; `submitted` is reached by a recorded submission only."""

SUCCEEDED: Final = frozenset({"done", "finished"})
FAILED: Final = frozenset({"failed", "broken", "aborted"})
_MOST_NAMED: Final = 5
LIVE: Final = frozenset(
    {
        "waiting",
        "registered",
        "defined",
        "assigning",
        "pending",
        "ready",
        "scouting",
        "scouted",
        "submitting",
        "topreprocess",
        "preprocessing",
        "prepared",
        "running",
        "throttled",
        "staging",
        "paused",
        "rerefine",
        "toretry",
        "toincexec",
    }
)
"""JEDI's states in which a task will go on (panda-server 1.0.4, JediTaskSpec)."""

REQUIRED_TAGS: Final = (TagKind.PHYSICS, TagKind.EVGEN, TagKind.SIMU, TagKind.RECO)
_OFFICIAL: Final = "group.EIC."
_USER: Final = "user."


def is_allowed(current: TaskStatus, wanted: TaskStatus) -> bool:
    """Whether a user may set the status so; the same again is no change, and allowed."""
    return wanted == current or wanted in _BY_HAND.get(current, set())


def status_after(current: TaskStatus, panda_status: str) -> TaskStatus:
    """The task's status once its attempt was seen in a state at PanDA."""
    if current not in {TaskStatus.SUBMITTED, TaskStatus.COMPLETED, TaskStatus.FAILED}:
        return current
    if panda_status in SUCCEEDED:
        return TaskStatus.COMPLETED
    if panda_status in FAILED:
        return TaskStatus.FAILED
    return TaskStatus.SUBMITTED if panda_status in LIVE else current


# ------------------------------------------------------------------ readiness


@dataclass(frozen=True)
class TagFacts:
    """What counts of a tag."""

    label: str
    is_locked: bool
    parameters: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class TaskPlan:
    """What counts of a task for its readiness.

    Attributes:
        out_ds: The name that its first attempt has at PanDA.
        next_out_ds: The name that its next attempt would have.
        config: Its effective configuration.
        tags: The tags of its dataset that there are, by kind.
        catalog_filters: `overrides.csv_import.filters`.
        sharing: Other tasks whose names at PanDA would be the same.
        is_relaxed: Whether draft tags will do.
    """

    out_ds: str
    next_out_ds: str
    config: EffectiveConfig
    tags: Mapping[TagKind, TagFacts]
    catalog_filters: Mapping[str, Any] = field(default_factory=dict)
    sharing: tuple[str, ...] = ()
    is_relaxed: bool = False


def reasons_against(plan: TaskPlan) -> list[str]:
    """Why the task is not ready for PanDA; empty where it is."""
    return [*_about_tags(plan), *_about_name(plan), *_about_config(plan), *_about_beam(plan)]


def _about_tags(plan: TaskPlan) -> Iterator[str]:
    for kind in REQUIRED_TAGS:
        if kind not in plan.tags:
            yield f"its dataset has no {kind.name.lower()} tag"
    if not plan.is_relaxed:
        for kind, tag in plan.tags.items():
            if not tag.is_locked:
                yield f"its {kind.name.lower()} tag {tag.label} is a draft; lock it"


def _about_name(plan: TaskPlan) -> Iterator[str]:
    name = plan.next_out_ds
    if len(name) > MAX_OUT_DS:
        yield f"--outDS {name} is longer than the {MAX_OUT_DS} characters that prun takes"
    elif why := OUT_DS.problem(name):
        yield f"--outDS {why}"
    if plan.config.data.get("official"):
        if not name.startswith(_OFFICIAL):
            yield f"--outDS {name} does not start with {_OFFICIAL}, as an official task's must"
    elif not name.startswith(_USER):
        yield f"data.official is not set, and prun takes {name} for an official task only"
    if plan.sharing:
        others = ", ".join(repr(other) for other in plan.sharing[:_MOST_NAMED])
        if (more := len(plan.sharing) - _MOST_NAMED) > 0:
            others += f" and {more} more"
        yield f"{plan.out_ds} is also the name of {others}; PanDA would take them for one"


def _about_config(plan: TaskPlan) -> Iterator[str]:
    fields, data = plan.config.fields, plan.config.data
    for name, why in plan.config.problems().items():
        yield f"{name} {why}"
    if not data.get("exec_command"):
        yield "data.exec_command is not set, and prun needs one"
    if plan.config.text("panda_resource_type"):
        yield "panda_resource_type is set, and prun 2.2.0 does not know --resourceType"
    if not (fields.get("copy_reco") or fields.get("copy_full")):
        yield "neither copy_reco nor copy_full is set: nothing would be kept"
    has_parameters = plan.config.text("bg_cross_section") or plan.config.text("bg_evtgen_file")
    if fields.get("bg_mixing") and not (TagKind.BACKGROUND in plan.tags or has_parameters):
        yield "bg_mixing is set, and there is neither a background tag nor background parameters"


def _about_beam(plan: TaskPlan) -> Iterator[str]:
    wanted = plan.catalog_filters.get("beam")
    tag = plan.tags.get(TagKind.PHYSICS)
    if not wanted or tag is None or plan.catalog_filters.get("physics") == "BACKGROUNDS":
        return
    energies = (tag.parameters.get(f"beam_energy_{each}", "") for each in ("electron", "hadron"))
    bound = "x".join(str(energy) for energy in energies)
    if bound != wanted:
        yield f"the catalog wants beam {wanted}, and physics tag {tag.label} is {bound}"
