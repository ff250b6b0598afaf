"""Checks of an outside service: what is looked at, and what was found, bounded in time."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass

from blocks.configuration import Configuration
from blocks.errors import ProdOpsError


@dataclass(frozen=True)
class Check:
    """One thing that is looked at.

    Attributes:
        what: In one or two words.
        look: Says what it finds in one line; raises ProdOpsError where that is not good.
    """

    what: str
    look: Callable[[], str]


@dataclass(frozen=True)
class Finding:
    """What a check found."""

    what: str
    is_good: bool
    text: str


def of_paths(configuration: Configuration) -> Check:
    """Whether every file and directory of a configuration can be read."""

    def look() -> str:
        configuration.require_paths()
        return "every file and directory can be read"

    return Check("paths", look)


def find(check: Check, *, seconds: float) -> Finding:
    """Make a check, and give up waiting for it after so many seconds."""
    found: list[Finding] = []
    failed: list[BaseException] = []

    def run() -> None:
        try:
            found.append(Finding(check.what, True, check.look()))
        except ProdOpsError as error:
            found.append(Finding(check.what, False, str(error)))
        except BaseException as error:  # noqa: BLE001 - raised by whoever waits
            failed.append(error)

    thread = threading.Thread(target=run, name=check.what, daemon=True)
    thread.start()
    thread.join(seconds)
    if failed:
        raise failed[0]
    return found[0] if found else Finding(check.what, False, f"no answer within {seconds:g} s")
