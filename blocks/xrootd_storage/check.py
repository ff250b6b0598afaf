"""Checks of storage doors: whether each answers us."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import partial
from pathlib import Path

from blocks.checks import Check, of_paths
from blocks.xrootd_storage.access import XrootdAccess, XrootdLimits
from blocks.xrootd_storage.configuration import XrootdConfiguration
from blocks.xrootd_storage.storage import version


def checks(
    configuration: XrootdConfiguration, doors: Iterable[str], proxy_file: Path | None
) -> Iterator[Check]:
    """The checks of doors.

    Args:
        configuration: How they are read from.
        doors: Their URLs.
        proxy_file: The x509 proxy; None: only doors without authentication.
    """
    yield of_paths(configuration)
    access, limits = configuration.access(proxy_file), configuration.limits()
    for url in doors:
        yield Check("door", partial(_answer, url, access, limits))


def _answer(url: str, access: XrootdAccess, limits: XrootdLimits) -> str:
    return f"{url} is {version(url, access=access, limits=limits)}"
