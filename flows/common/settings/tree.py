"""Every setting in one frozen tree, and how it is read."""

from __future__ import annotations

import difflib
import os
from collections.abc import Iterator
from functools import lru_cache
from typing import Any, Final

from pydantic import AliasChoices, BaseModel, ConfigDict, ValidationError
from pydantic_settings import BaseSettings

from flows.common.credential_paths import credential_paths, paths_of
from flows.common.settings.agents import AgentsSettings
from flows.common.settings.bus import BusSettings
from flows.common.settings.canary import CanarySettings
from flows.common.settings.env_file import env_file
from flows.common.settings.fastmon import FastmonSettings
from flows.common.settings.forms import PREFIX, BadSetting
from flows.common.settings.history import HistorySettings
from flows.common.settings.logs import LogTableSettings
from flows.common.settings.mcp import McpSettings
from flows.common.settings.notifications import NotificationsSettings
from flows.common.settings.production import PandaSettings, PcsSettings, SubmissionSettings
from flows.common.settings.sandbox import SandboxSettings
from flows.common.settings.services import (
    ApiSettings,
    DatabaseSettings,
    PrefectSettings,
    RelaySettings,
    StackSettings,
    StreamSettings,
    WorkerSettings,
)
from flows.common.settings.storage import (
    PayloadLogsSettings,
    ProvenanceSettings,
    RucioLogsSettings,
    RucioProducedSettings,
    XrootdSettings,
)
from flows.common.settings.testbed import AgentSettings, TestbedSettings, WorkflowsSettings
from flows.common.settings.traces import LogSettings, TracesSettings

_FOLLOWS: Final = "default_factory_not_called"
"""Pydantic's error of a default that is made of another value, which is wrong."""


class Settings(BaseModel):
    """The whole tree; made by :func:`load`."""

    model_config = ConfigDict(frozen=True)

    stack: StackSettings
    database: DatabaseSettings
    prefect: PrefectSettings
    api: ApiSettings
    stream: StreamSettings
    mcp: McpSettings
    worker: WorkerSettings
    relay: RelaySettings
    bus: BusSettings
    fastmon: FastmonSettings
    workflows: WorkflowsSettings
    agent: AgentSettings
    agents: AgentsSettings
    log: LogSettings
    log_table: LogTableSettings
    history: HistorySettings
    traces: TracesSettings
    testbed: TestbedSettings
    pcs: PcsSettings
    panda: PandaSettings
    submission: SubmissionSettings
    rucio_logs: RucioLogsSettings
    rucio_produced: RucioProducedSettings
    xrootd: XrootdSettings
    payload_logs: PayloadLogsSettings
    provenance: ProvenanceSettings
    notifications: NotificationsSettings
    canary: CanarySettings
    sandbox: SandboxSettings


GROUPS: dict[str, type[BaseSettings]] = {
    name: field.annotation
    for name, field in Settings.model_fields.items()
    if isinstance(field.annotation, type)
}


def names_of(group: type[BaseSettings], field: str) -> tuple[str, ...]:
    """Environment names of a setting, ours first."""
    alias = group.model_fields[field].validation_alias
    if isinstance(alias, AliasChoices):
        return tuple(dict.fromkeys(str(choice) for choice in alias.choices))
    return (f"{group.model_config.get('env_prefix', '')}{field.upper()}",)


def known_names() -> dict[str, tuple[str, str]]:
    """Every environment name of every setting, with its group and field."""
    return {
        name: (group_name, field)
        for group_name, group in GROUPS.items()
        for field in group.model_fields
        for name in names_of(group, field)
    }


def load() -> Settings:
    """Read the settings from the environment and ``.env``.

    Raises:
        BadSetting: A value cannot be used, or a ``PRODOPS_`` name is not a setting.
    """
    for problem in _unknown_names():
        raise BadSetting(problem)
    return Settings(**{name: _load_group(group) for name, group in GROUPS.items()})


@lru_cache(maxsize=1)
def settings() -> Settings:
    """The settings of this process, read once."""
    found = load()
    credential_paths.add(path for group in dict(found).values() for path in paths_of(group))
    return found


def problems() -> list[str]:
    """Everything that is wrong with the settings, a line each; none: they can be loaded."""
    try:
        found = list(_unknown_names())
    except BadSetting as error:  # of the file, of which nothing is known then
        return [str(error)]
    for group in GROUPS.values():
        try:
            group()
        except ValidationError as error:
            wrong = [each for each in error.errors() if each["type"] != _FOLLOWS]
            found += [_describe(group, each) for each in wrong]
    return found


def _load_group(group: type[BaseSettings]) -> BaseSettings:
    try:
        return group()
    except ValidationError as error:
        raise BadSetting(_describe(group, error.errors()[0])) from None


def _describe(group: type[BaseSettings], error: Any) -> str:
    location = str(error["loc"][0]) if error["loc"] else ""
    for field in group.model_fields:
        if location in (field, *names_of(group, field)):
            location = _name_in_use(group, field)
            break
    shown = repr(error.get("input"))
    message = str(error["msg"]).removeprefix("Value error, ")
    return f"setting {location}={shown[:80]}: {message}"


def _name_in_use(group: type[BaseSettings], field: str) -> str:
    names = names_of(group, field)
    given = {*os.environ, *env_file()}
    return next((name for name in names if name in given), names[0])


def _unknown_names() -> Iterator[str]:
    """What is wrong with the names: each that is no setting's, in a line."""
    known = known_names()
    for name in dict.fromkeys((*os.environ, *env_file())):
        if name.startswith(PREFIX) and name not in known:
            close = difflib.get_close_matches(name, known, n=1)
            hint = f"; did you mean {close[0]}?" if close else ""
            yield f"setting {name} does not exist{hint}"
