"""The state that test stacks begin with: roles, schemas and certificates, made once per user.

It is kept in the user's cache, under a digest of all that it is made from. Nothing of it is
durable: PostgreSQL does not wait for the disk, unless a test asks for what production has.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import time
from collections.abc import Iterable
from importlib.metadata import version
from pathlib import Path

from filelock import FileLock

from deployments.stack.accounts import claim
from deployments.stack.binaries import find_binaries
from deployments.stack.layout import Layout
from deployments.stack.postgres import Instance, instance_of, remove
from deployments.stack.stack import Stack
from deployments.stack.temporary import remove_state, temporary_environment, temporary_settings
from flows.common.settings import Settings

_SOURCES = Path(__file__).parents[1] / "deployments"
_MADE_FROM = (
    "stack/credentials.py", "stack/layout.py", "stack/postgres.py", "stack/provision.py",
    "stack/roles.py", "migrations/compatibility.py", "migrations/env.py", "sandbox/files.py",
    "sandbox/grid/certificates.py", "sandbox/grid/rucio_server.py",
)  # fmt: skip
_MADE_FROM_ALL = ("migrations/versions", "sandbox/grid/rucio-server")
_PARTS = ("postgres", "rucio", "prefect")
_COPIED = ("secrets", "sandbox/rucio")
_KEPT_SECONDS = 14 * 86_400
# Read after the stack's own configuration, from the data directory that only a template has.
_CARELESS = "postgresql.auto.conf"
_CARELESS_LINES = "fsync = off\nsynchronous_commit = off\nfull_page_writes = off\n"


def fill(settings: Settings, *, is_durable: bool = False) -> None:
    """Give the new state directory of these settings what the template's stack has made."""
    template = _template()
    made, filled = Layout(template.stack.state_dir), Layout(settings.stack.state_dir)
    filled.create()
    for name in _COPIED:
        shutil.copytree(made.state_dir / name, filled.state_dir / name, dirs_exist_ok=True)
    source, target = instance_of(template), instance_of(settings)
    target.account.fork(lambda: _copy_data(source, target, is_durable=is_durable)).wait()


def _copy_data(source: Instance, target: Instance, *, is_durable: bool) -> None:
    """Copy PostgreSQL's data, as its user."""
    os.umask(0o077)
    claim(target.base, target.account)
    target.directory.mkdir(mode=0o700, exist_ok=True)
    shutil.copytree(source.data, target.data)
    (target.data / _CARELESS).write_text("" if is_durable else _CARELESS_LINES)


def _template() -> Settings:
    """The settings of the template's stack, which is made if it is not there."""
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "prodops"
    cache.mkdir(mode=0o700, parents=True, exist_ok=True)
    state_dir = cache / f"test-template-{_digest()}"
    given = {"PRODOPS_STATE_DIR": str(state_dir), "PRODOPS_SANDBOX_GRID": "true"}
    settings = temporary_settings(given)
    done = state_dir / "done"
    if not done.exists():
        with FileLock(cache / "test-template.lock"):
            if not done.exists():
                _remove_old(cache.glob("test-template-*"))
                _make(temporary_environment(given))
                done.touch()
    done.touch()  # its last use
    return settings


def _make(given: dict[str, str]) -> None:
    settings = temporary_settings(given)
    if settings.stack.state_dir.exists():  # a first try was interrupted
        remove_state(settings)
    remove(instance_of(settings))  # where only the state directory was deleted
    stack = Stack(settings, given, parts=_PARTS)
    try:
        stack.start()
    finally:
        stack.stop()


def _digest() -> str:
    """A name for what the template is made from: our sources, and the others' versions."""
    sources = [Path(__file__), *(_SOURCES / name for name in _MADE_FROM)]
    for directory in _MADE_FROM_ALL:
        sources += sorted(path for path in (_SOURCES / directory).iterdir() if path.is_file())
    content = b"".join(path.read_bytes() for path in sources)
    others = (find_binaries(None), version("prefect"))
    return hashlib.sha256(content + repr(others).encode()).hexdigest()[:16]


def _remove_old(templates: Iterable[Path]) -> None:
    for template in templates:
        done = template / "done"
        if done.exists() and time.time() - done.stat().st_mtime > _KEPT_SECONDS:
            remove_state(
                temporary_settings(
                    {"PRODOPS_STATE_DIR": str(template), "PRODOPS_SANDBOX_GRID": "true"}
                )
            )
