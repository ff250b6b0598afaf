"""The statuses of tasks, which change may follow which, and what makes a task ready. Pure.

Source: ops contract section 2.3.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from api.pcs.domain import names, widths
from api.pcs.domain.effective import EffectiveConfig
from api.pcs.domain.value_forms import OUT_DS, some
from api.pcs.models import ProdTask, TagKind, TagStatus, TaskStatus
from flows.submission.domain import prun_rules

_BY_HAND: Final = {
    TaskStatus.DRAFT: {TaskStatus.READY},
    TaskStatus.READY: {TaskStatus.DRAFT},
    TaskStatus.SUBMITTED: {TaskStatus.COMPLETED, TaskStatus.FAILED},
}
"""What `set-status` may do; `submitted` is reached by a recorded submission only."""

SETTABLE: Final = {str(each): each for each in TaskStatus if each is not TaskStatus.PAST_OUTPUT}
"""The statuses that a request may name; the others are an import's."""

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
    return wanted == current or wanted in following(current)


def following(current: TaskStatus) -> set[TaskStatus]:
    """The statuses that a user may set next."""
    return _BY_HAND.get(current, set())


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


def reasons_against(
    task: ProdTask,
    config: EffectiveConfig,
    *,
    next_name: str,
    sharing: Sequence[str] = (),
    is_relaxed: bool = False,
) -> list[str]:
    """Why the task is not ready for PanDA; empty where it is.

    Args:
        task: The task, with its dataset and its tags.
        config: Its effective configuration.
        next_name: The name that its next attempt would have at PanDA.
        sharing: Other tasks whose names at PanDA would be the same.
        is_relaxed: Whether draft tags will do.
    """
    return [
        *_about_tags(task, is_relaxed=is_relaxed),
        *_about_name(next_name, is_official=bool(config.data.get("official"))),
        *_about_prun(task, config, next_name),
        *_about_sharing(task, sharing),
        *_about_config(task, config),
        *_about_beam(task),
    ]


def _about_tags(task: ProdTask, *, is_relaxed: bool) -> Iterator[str]:
    tags = task.dataset.tags
    for kind in REQUIRED_TAGS:
        if kind not in tags:
            yield f"its dataset has no {kind.word} tag"
    for kind, tag in tags.items():
        if tag.status != TagStatus.LOCKED and not is_relaxed:
            yield f"its {kind.word} tag {tag.tag_label} is a draft; lock it"


def _about_name(name: str, *, is_official: bool) -> Iterator[str]:
    if why := OUT_DS.problem(name):
        yield f"--outDS {why}"
    if is_official and not name.startswith(_OFFICIAL):
        yield f"--outDS {name} does not start with {_OFFICIAL}, as an official task's must"
    if not is_official and not name.startswith(_USER):
        yield f"data.official is not set, and prun takes {name} for an official task only"


def _about_prun(task: ProdTask, config: EffectiveConfig, next_name: str) -> Iterator[str]:
    """What prun would refuse, of this attempt or of a later one, whose name is longer."""
    data = config.data
    later = names.attempt_name(task.dataset.composed_name, names.MOST_TRIES)
    yield from prun_rules.objections(
        max(next_name, later, key=len),
        outputs=str(data.get("outputs") or ""),
        cores=str(data.get("corecount") or ""),
        command=str(data.get("exec_command") or ""),
    )


def _about_sharing(task: ProdTask, sharing: Sequence[str]) -> Iterator[str]:
    if sharing:
        others = some(sharing, _MOST_NAMED)
        name = task.dataset.composed_name
        yield f"{name} is also the name of {others}; PanDA would take them for one"


def _about_config(task: ProdTask, config: EffectiveConfig) -> Iterator[str]:
    fields = config.fields
    for name, why in (widths.problems(config) | config.problems()).items():
        yield f"{name} {why}"
    if not config.data.get("exec_command"):
        yield "data.exec_command is not set, and prun needs one"
    if config.text("panda_resource_type"):
        yield "panda_resource_type is set, and prun 2.2.0 does not know --resourceType"
    if not (fields.get("copy_reco") or fields.get("copy_full")):
        yield "neither copy_reco nor copy_full is set: nothing would be kept"
    has_parameters = config.text("bg_cross_section") or config.text("bg_evtgen_file")
    if fields.get("bg_mixing") and not (task.dataset.background_tag or has_parameters):
        yield "bg_mixing is set, and there is neither a background tag nor background parameters"


def _about_beam(task: ProdTask) -> Iterator[str]:
    catalog = (task.overrides or {}).get("csv_import")
    filters = catalog.get("filters") if isinstance(catalog, dict) else None
    tag = task.dataset.physics_tag
    if not isinstance(filters, dict) or tag is None or filters.get("physics") == "BACKGROUNDS":
        return
    energies = (tag.parameters.get(f"beam_energy_{each}", "") for each in ("electron", "hadron"))
    bound = "x".join(str(energy) for energy in energies)
    wanted = filters.get("beam")
    if wanted and bound != wanted:
        yield f"the catalog wants beam {wanted}, and physics tag {tag.tag_label} is {bound}"
