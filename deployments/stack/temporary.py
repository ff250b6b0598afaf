"""What a stack that does not stay needs: settings from nowhere else, free ports, no remains."""

from __future__ import annotations

import os
import shutil
import signal
import tempfile
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, nullcontext
from types import FrameType
from typing import Any, NoReturn

from deployments.signals import handled
from deployments.stack import postgres
from deployments.stack.layout import Layout
from deployments.stack.parts import NAMES
from deployments.stack.ports import free_ports, ports_of
from flows.common.settings import GROUPS, BadSetting, Settings, known_names


def temporary_environment(overrides: Mapping[str, str]) -> dict[str, str]:
    """The settings of a temporary stack: free ports and fresh directories, then `overrides`.

    Raises:
        BadSetting: A name is not a setting.
    """
    unknown = sorted(set(overrides) - set(known_names()))
    if unknown:
        raise BadSetting(f"setting {unknown[0]} does not exist")
    names = [port.setting for port in ports_of(temporary_settings({}), NAMES)]
    ports = dict(zip(names, map(str, free_ports(len(names))), strict=True))
    state_dir = overrides.get("PRODOPS_STATE_DIR") or tempfile.mkdtemp(prefix="prodops-")
    # What goes by the clock would come between what a demo, a bench or a test looks at.
    quiet = {"PRODOPS_CANARY_IS_SCHEDULED": "false"}
    return ports | quiet | {"PRODOPS_STATE_DIR": state_dir} | dict(overrides)


def temporary_settings(given: Mapping[str, str]) -> Settings:
    """The settings of `given` and nothing else: neither this process's nor those of ``.env``."""
    with only_settings(given):
        groups: dict[str, Any] = {name: group(_env_file=None) for name, group in GROUPS.items()}
        return Settings(**groups)


@contextmanager
def only_settings(given: Mapping[str, str]) -> Iterator[None]:
    """Let the environment of this process hold the settings of `given` and no others."""
    known = known_names()
    hidden = {name: os.environ.pop(name) for name in list(os.environ) if name in known}
    os.environ.update(given)
    try:
        yield
    finally:
        for name in given:
            del os.environ[name]
        os.environ.update(hidden)


def remove_state(settings: Settings) -> None:
    """Remove the directories of a stopped stack, the database's too."""
    if settings.database.url is None:
        postgres.remove(postgres.instance_of(settings))
    if settings.sandbox.grid:
        from deployments.sandbox.grid.doors import remove_doors  # noqa: PLC0415 - rarely needed

        remove_doors(settings)
    Layout(settings.stack.state_dir).remove_socket_directory()
    shutil.rmtree(settings.stack.state_dir)


@contextmanager
def ended_by_signals() -> Iterator[None]:
    """Let SIGTERM unwind this process, as Ctrl+C does, so that what it started is ended."""

    def unwind(number: int, _frame: FrameType | None) -> NoReturn:
        raise SystemExit(128 + number)

    is_ours = (
        threading.current_thread() is threading.main_thread()
        and signal.getsignal(signal.SIGTERM) is signal.SIG_DFL
    )
    with handled(unwind, signal.SIGTERM) if is_ours else nullcontext():
        yield
