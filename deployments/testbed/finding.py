"""Which `testbed.toml` is meant, and an example of one."""

from __future__ import annotations

from importlib import resources
from pathlib import Path
from typing import Final

from deployments.testbed.errors import BadTestbed
from flows.common.settings.testbed import TestbedSettings
from flows.workflows import configurations

FILE_NAME: Final = "testbed.toml"
_ENDINGS: Final = ("", ".toml", "_default.toml")
_OF_OURS: Final = ("", "_default")


def find(name: str | None, settings: TestbedSettings, *, in_use: Path | None) -> Path:
    """The file of a configuration, absolute.

    Args:
        name: A path, or the name of a file, with or without `.toml` or `_default.toml`; None: the
            one that is set, else the current directory's, else the one in use.
        settings: The testbed's settings.
        in_use: The file by which the agents were started last.

    Raises:
        BadTestbed: There is none.
    """
    if name is not None:
        return named(name, Path.cwd())
    if settings.config is not None:
        return settings.config
    here = Path(FILE_NAME).absolute()
    if here.exists() or in_use is None:
        if not here.exists():
            raise BadTestbed(f"there is no {here}; `testbed init` writes one, or name another")
        return here
    return in_use


def split(name: str | None) -> tuple[str | None, str | None]:
    """What a name on the command line is: a testbed's configuration, or one of a workflow.

    The original documents `testbed run fast_processing`, which names a workflow's.
    """
    if name is None:
        return None, None
    known = {each.removesuffix(ending) for each in configurations.names() for ending in _OF_OURS}
    try:
        named(name, Path.cwd())
    except BadTestbed:
        if name in known:
            return None, name
        raise
    return name, None


def named(name: str, directory: Path) -> Path:
    """The file of that name, as it stands or with an ending; absolute.

    Raises:
        BadTestbed: There is none; the message names those that were looked for.
    """
    wanted = (directory / name).absolute()
    candidates = [wanted.with_name(wanted.name + ending) for ending in _ENDINGS]
    for each in candidates:
        if each.is_file():
            return each
    looked = ", ".join(dict.fromkeys(each.name for each in candidates))
    raise BadTestbed(f"there is no testbed configuration {name!r} in {wanted.parent} ({looked})")


def example() -> str:
    """The text of an example, with all that there may be in it."""
    return resources.files("deployments.testbed").joinpath(FILE_NAME).read_text(encoding="utf-8")
