"""The fields of a configuration, their forms, and what a task makes of them. Pure.

Source: ops contract section 2.5.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Final

from api.pcs.domain import value_forms as forms
from blocks.errors import ProdOpsError

_FLAGS: Final = ("bg_mixing", "copy_reco", "copy_full", "copy_log", "use_rucio")
FIELD_FORMS: Final[dict[str, forms.AnyForm]] = {
    **dict.fromkeys(_FLAGS, forms.FLAG),
    "bg_cross_section": forms.FreeText(200),
    "bg_evtgen_file": forms.FreeText(500),
    "jug_xl_tag": forms.NAME,
    "container_image": forms.IMAGE,
    "target_hours_per_job": forms.HOURS,
    "events_per_task": forms.WholeNumber(1, 2**31 - 1),
    "panda_site": forms.NAME,
    "panda_queue": forms.NAME,
    "panda_working_group": forms.NAME,
    "panda_resource_type": forms.NAME,
    "rucio_rse": forms.NAME,
}
FREE_FIELDS: Final = ("condor_template", "rucio_replication_rules")
CONFIG_FIELDS: Final = (*FIELD_FORMS, *FREE_FIELDS)
"""Every field of a configuration that a task may override, beside `data`."""

DATA_FORMS: Final[dict[str, forms.AnyForm]] = {
    "workflow_mode": forms.NAME,
    "submission_path": forms.NAME,
    "transformation": forms.URL,
    "processing_type": forms.NAME,
    "prod_source_label": forms.NAME,
    "vo": forms.NAME,
    "n_jobs": forms.COUNT,
    "events_per_job": forms.MANY,
    "files_per_job": forms.COUNT,
    "corecount": forms.CORES,
    "no_build": forms.FLAG,
    "skip_scout": forms.FLAG,
    "exec_command": forms.COMMAND,
    "official": forms.FLAG,
    "outputs": forms.OUTPUTS,
    "task_type": forms.NAME,
    "task_priority": forms.WholeNumber(0, 999_999),
    "ram_count": forms.COUNT,
    "disk_count": forms.COUNT,
    "cloud": forms.NAME,
    "log_rse": forms.NAME,
    "walltime_hours": forms.HOURS,
    "disable_auto_retry": forms.FLAG,
    "output_offset": forms.WholeNumber(0, 10**9),
    "files": forms.FileNames(),
}
"""The keys of `data` that the artifacts are made from; others are stored, and mean nothing here."""

LINKED_DIDS: Final = ("output_dataset_dids", "intermediate_dataset_dids")
_LISTS: Final = ("input_dataset_dids", *LINKED_DIDS)
_PUBLIC_CATALOG: Final = (
    "repo",
    "issue",
    "pr",
    "row_index",
    "csv_path",
    "row_key",
    "page_url",
    "commit_sha",
)
OVERRIDE_KEYS: Final = frozenset(
    {
        *CONFIG_FIELDS,
        "data",
        *_LISTS,
        "input_dataset_did",
        "csv_import",
        *(f"public_catalog_{name}" for name in _PUBLIC_CATALOG),
        "questionnaire_matches",
        "questionnaire_matches_updated_at",
        "questionnaire_matches_updated_by",
    }
)


class ConfigNotOfForm(ProdOpsError):
    """Values of a configuration may not reach a command; `problems` says why, by field."""

    def __init__(self, problems: Mapping[str, str]) -> None:
        self.problems = dict(problems)
        self.details = {name: [why] for name, why in problems.items()}
        super().__init__("; ".join(f"{name} {why}" for name, why in problems.items()))


@dataclass(frozen=True)
class EffectiveConfig:
    """A configuration with a task's overrides laid over it."""

    fields: Mapping[str, Any]
    data: Mapping[str, Any]

    def text(self, field: str) -> str:
        """A field's text; empty where it is not set."""
        return str(self.fields.get(field) or "")

    def problems(self) -> dict[str, str]:
        """Why values are not of their form, by field; those of `data` as ``data.<key>``."""
        return {
            **forms.first_problem(self.fields, FIELD_FORMS),
            **{f"data.{key}": why for key, why in data_problems(self.data).items()},
        }

    def as_json(self) -> dict[str, Any]:
        """All of it, as `fmt=dump` shows it."""
        return {**self.fields, "data": dict(self.data)}


def effective(config: Mapping[str, Any], overrides: Mapping[str, Any] | None) -> EffectiveConfig:
    """The configuration that a task runs with.

    Args:
        config: The configuration's fields and its `data`.
        overrides: The task's overrides.
    """
    over = overrides or {}
    fields = {name: _plain(over.get(name, config.get(name))) for name in CONFIG_FIELDS}
    return EffectiveConfig(fields, {**(config.get("data") or {}), **(over.get("data") or {})})


def data_problems(data: Mapping[str, Any]) -> dict[str, str]:
    """Why known keys of a configuration's `data` are not of their form."""
    return forms.first_problem(data, DATA_FORMS)


def override_problems(overrides: Mapping[str, Any]) -> dict[str, str]:
    """Why overrides cannot be stored, by key."""
    if "outputs" in overrides:
        return {"outputs": "are written by the provenance sweep only"}
    unknown = sorted(set(overrides) - OVERRIDE_KEYS)
    problems = {key[:100]: "is not a key of overrides" for key in unknown}
    problems |= forms.first_problem(overrides, FIELD_FORMS)
    for name in _LISTS:
        dids = overrides.get(name, [])
        if not (isinstance(dids, list) and all(_is_did(each) for each in dids)):
            problems[name] = "must be a list of DIDs"
    if "input_dataset_did" in overrides and not _is_did(overrides["input_dataset_did"]):
        problems["input_dataset_did"] = "must be a DID"
    data = overrides.get("data", {})
    if not isinstance(data, dict):
        return problems | {"data": "must be an object"}
    return problems | {f"data.{key}": why for key, why in data_problems(data).items()}


def input_dids(overrides: Mapping[str, Any]) -> list[str]:
    """The input datasets that a task's overrides name, one or several."""
    one = overrides.get("input_dataset_did")
    return [one] if one else list(overrides.get("input_dataset_dids") or [])


def did_problem(value: object) -> str | None:
    """Why the value is no DID; None where it is."""
    return None if _is_did(value) else f"is not a DID (scope:name): {forms.shown(value)}"


def _is_did(value: object) -> bool:
    if not isinstance(value, str) or len(value) > 500 or not value.isprintable():  # noqa: PLR2004
        return False
    scope, _, name = value.partition(":")
    return bool(scope and name) and not set(value) & set(" \"'`\\$;&|<>")


def _plain(value: Any) -> Any:
    return float(value) if isinstance(value, Decimal) else value
