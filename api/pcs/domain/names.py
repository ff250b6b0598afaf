"""Names of datasets, logical tasks and their attempts (ops contract section 2.4). Pure."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable
from typing import Final

MAX_NAME: Final = 255
MOST_TRIES: Final = 999
"""A name leaves room for so many attempts of its task."""

_BLOCK: Final = re.compile(r"\.b[1-9][0-9]*$", re.ASCII)
_TRY: Final = re.compile(r"\.try([1-9][0-9]*)$", re.ASCII)
_BACKGROUND: Final = re.compile(r"k[0-9]+", re.ASCII)
_SUFFIX: Final = re.compile(r"(?:b|try)[0-9]+", re.ASCII)
_RESERVED: Final = frozenset(
    {
        "associate",
        "catalog-import",
        "command",
        "intake",
        "record-status",
        "record-submission",
        "record-submission-failure",
    }
)


def composed(scope: str, version: str, config: str, tags: Iterable[str], sample: str = "") -> str:
    """The name of a dataset: scope, detector, labels of its tags, and sample; what there is."""
    return ".".join(part for part in (scope, version, config, *tags, sample) if part)


def attempt_name(logical: str, try_number: int) -> str:
    """The name of an attempt: the first has the logical name itself."""
    return logical if try_number == 1 else f"{logical}.try{try_number}"


def parse_physical(name: str) -> tuple[str, int]:
    """The logical name and the attempt's number in ``logical[.tryN][.bN]``.

    It is read from the right; a trailing slash does not count. A suffix ``.try1`` is part of the
    logical name, since no attempt has it.
    """
    rest = panda_name(name)
    if found := _BLOCK.search(rest):
        rest = rest[: found.start()]
    if (found := _TRY.search(rest)) and int(found[1]) > 1:
        return rest[: found.start()], int(found[1])
    return rest, 1


def panda_name(name: str) -> str:
    """The name without the slash that prun appends to it."""
    return name.removesuffix("/")


def log_dataset(task_name: str) -> str:
    """The log dataset that prun makes for an attempt (panda-client 2.2.0, as measured)."""
    return f"{task_name}.log/"


def block_did(scope: str, dataset_name: str, block: int) -> str:
    """The DID of a block of a dataset."""
    return f"{scope}:{dataset_name}.b{block}"


def sample_problem(sample: str) -> str | None:
    """Why the sample's name would be read as a tag or a suffix; None where it would not."""
    parts = sample.split(".")
    first, last = parts[0], parts[-1]
    if _BACKGROUND.fullmatch(first):
        return f"may not start with {first!r}, which reads as a background tag"
    if _SUFFIX.fullmatch(last):
        return f"may not end with {last!r}, which reads as a block or an attempt"
    return None


def task_name_problem(name: str) -> str | None:
    """Why a task may not have the name, though its form is good; None where it may."""
    if name in _RESERVED:
        return f"{name!r} is a word of the interface"
    if name.isdecimal():
        return "may not be a number: numbers are keys"
    if ".." in name.split("/") or "." in name.split("/"):
        return "may not have . or .. as a part"
    return None


def short_hash(text: str, length: int = 12) -> str:
    """The first hex digits of the text's SHA-1, as the original names what it imports."""
    return hashlib.sha1(text.encode()).hexdigest()[:length]  # noqa: S324 - a name, not a secret
