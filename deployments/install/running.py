"""Doing the steps of an installation, one at a time, each noted before it is begun."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.metadata import version

from deployments.install import systemd
from deployments.install.checks import check
from deployments.install.manifest import Manifest, read
from deployments.install.options import Options
from deployments.install.places import Places
from deployments.install.plan import above_all, steps_of
from deployments.install.steps import Finding, InTheWay, Step
from flows.common.settings import BadSetting

_AFTER = {
    Finding.DONE: "done",
    Finding.MAKE: "made",
    Finding.CHANGE: "changed",
    Finding.REMOVE: "removed",
}


@dataclass(frozen=True)
class Row:
    """A step and what became of it, or would."""

    step: str
    state: str


def preview(options: Options) -> list[Row]:
    """The plan; nothing is made or changed.

    Raises:
        BadSetting: It could not be done.
    """
    with clear_errors():
        check(options)
        manifest = _manifest(options)
        manifest.options = options
        return [Row(step.describe(), _find(step, manifest)) for step in steps_of(manifest)]


def install(options: Options) -> Iterator[Row]:
    """Do what is not done yet; each step is told when it is over.

    Raises:
        BadSetting: It could not be done; what was done stays, and another try goes on from there.
    """
    with clear_errors():
        check(options)
        _require_root(options)
        made = _make_room(options)
        with locked(options.places):
            manifest = _manifest(options)
            manifest.options = options
            manifest.version = version("epic-prodops")
            manifest.made += [key for key in made if key not in manifest.made]
            steps = steps_of(manifest)
            for step in steps:  # whatever is in the way is found before anything is changed
                _find(step, manifest)
            manifest.save()
            for step in steps:
                yield _bring_about(step, manifest)
            manifest.save()
            if systemd.is_managed(options.places.units):
                systemd.reload()


def _bring_about(step: Step, manifest: Manifest) -> Row:
    found = _find(step, manifest)
    described = step.describe()
    if found is Finding.MAKE:
        manifest.note(step.key)
    if found is not Finding.DONE:
        step.do()
    if found is Finding.REMOVE:
        manifest.forget(step.key)
    return Row(described, _AFTER[found])


def _find(step: Step, manifest: Manifest) -> Finding:
    """Look at a step.

    Raises:
        InTheWay: What is there will not do, and is not ours to change.
    """
    found = step.look()
    if found is Finding.CHANGE and step.key not in manifest.made and (why := step.objection()):
        raise InTheWay(why)
    return found


def _manifest(options: Options) -> Manifest:
    return read(options.places.manifest) or Manifest(options.places.manifest, options)


def _require_root(options: Options) -> None:
    if os.geteuid() == 0:
        return
    manifest = _manifest(options)
    missing = [
        step.describe()
        for step in steps_of(manifest)
        if step.takes_root and step.look() is not Finding.DONE
    ]
    if missing:
        raise BadSetting(
            f"these take root: {'; '.join(missing)}; as yourself, name yourself as both "
            "--ops-user and --web-user, for a trial without the border"
        )


def _make_room(options: Options) -> list[str]:
    """Make the directories that the record needs; gives the keys of those that were missing."""
    missing = [step for step in above_all(options) if step.look() is Finding.MAKE]
    for step in missing:
        step.do()
    return [step.key for step in missing]


@contextmanager
def locked(places: Places) -> Iterator[None]:
    """Be the only one who changes the installation.

    Raises:
        BadSetting: Another process does.
    """
    descriptor = os.open(places.lock, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        raise BadSetting(f"another `prodops install` is at work in {places.prefix}") from None
    try:
        yield
    finally:
        os.close(descriptor)


@contextmanager
def clear_errors() -> Iterator[None]:
    """Say in one line what the system refuses.

    Raises:
        BadSetting: It refused something.
    """
    try:
        yield
    except OSError as error:
        name = f"{error.filename}: " if error.filename else ""
        raise BadSetting(f"{name}{error.strerror}") from error
