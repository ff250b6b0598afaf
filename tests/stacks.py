"""Stacks for tests: temporary ones that begin with the template's databases."""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager

from deployments.stack.stack import Stack
from deployments.stack.temporary import remove_state, temporary_environment, temporary_settings
from tests.template import fill


@contextmanager
def running_stack(
    overrides: Mapping[str, str] | None = None,
    *,
    parts: Iterable[str] | None = None,
    is_durable: bool = False,
) -> Iterator[Stack]:
    """A stack of its own, migrated; nothing of it is left afterwards.

    Args:
        overrides: Settings by their environment names; no others are read.
        parts: Names of the parts to run; by default all that the settings ask for.
        is_durable: Whether its PostgreSQL waits for the disk, as production's does.
    """
    given = dict(overrides or {})
    if "PRODOPS_STATE_DIR" not in given:
        given["PRODOPS_STATE_DIR"] = tempfile.mkdtemp(prefix="prodops-")
    settings = temporary_settings(temporary_environment(given))
    try:
        fill(settings, is_durable=is_durable)
    except BaseException:
        remove_state(settings)
        raise
    with Stack.temporary(given, parts=parts, is_migrated=False) as stack:
        yield stack
