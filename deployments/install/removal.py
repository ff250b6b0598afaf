"""Taking an installation away: what it made, and nothing else."""

from __future__ import annotations

from collections.abc import Iterator

from deployments.install import systemd
from deployments.install.manifest import Manifest, read
from deployments.install.options import Options
from deployments.install.plan import above_all, steps_of
from deployments.install.running import Row, clear_errors, locked
from deployments.install.steps import Step
from flows.common.settings import BadSetting


def removable(options: Options, *, is_purged: bool) -> list[str]:
    """What would be removed, in that order.

    Raises:
        BadSetting: There is no installation.
    """
    with clear_errors():
        manifest = _manifest(options)
        made = _made(manifest, is_purged=is_purged)
        room = _room(manifest, is_purged=is_purged)
        return [step.describe() for step in (*made, *room)]


def remove(options: Options, *, is_purged: bool) -> Iterator[Row]:
    """Remove the units, and where it is purged all else that was made.

    Raises:
        BadSetting: There is no installation, or something could not be removed.
    """
    places = options.places
    with clear_errors(), locked(places):
        manifest = _manifest(options)
        is_managed = systemd.is_managed(places.units)
        if is_managed:
            systemd.stop(manifest.options)
        for step in _made(manifest, is_purged=is_purged):
            step.undo()
            manifest.forget(step.key)
            yield Row(step.describe(), "removed")
        if is_managed:
            systemd.reload()
        if is_purged:
            room = _room(manifest, is_purged=True)
            places.manifest.unlink()
            places.lock.unlink()
            for step in room:
                step.undo()
                yield Row(step.describe(), "removed")


def _manifest(options: Options) -> Manifest:
    places = options.places
    manifest = read(places.manifest)
    if manifest is None:
        raise BadSetting(f"there is no installation in {places.prefix} ({places.manifest})")
    manifest.options = options
    return manifest


def _made(manifest: Manifest, *, is_purged: bool) -> list[Step]:
    """The steps that made something, the last first; without the room that the record is in."""
    room = {step.key for step in above_all(manifest.options)}
    return [
        step
        for step in reversed(steps_of(manifest))
        if step.key in manifest.made and step.key not in room and (is_purged or not step.is_data)
    ]


def _room(manifest: Manifest, *, is_purged: bool) -> list[Step]:
    steps = reversed(above_all(manifest.options)) if is_purged else ()
    return [step for step in steps if step.key in manifest.made]
