"""Bad published logs: directories of the cache whose mark or origin is damaged."""

from __future__ import annotations

import os
import random
from contextlib import suppress
from pathlib import Path
from typing import Final

from deployments.bench.abuse.inputs import FileInput
from flows.payload_logs.cache import DONE, ORIGIN

_NESTED: Final = 100_000
_MARKS: Final = (
    b"",
    b"payload.stdout",
    b"payload.stdout,payload.stderr,",
    b"../../../etc/passwd",
    b"/etc/passwd,.origin",
    b"\xff\xfe,\0",
    b"x" * 5000,
    b"," * 100_000,
    b"payload.stdout\nSet-Cookie: a=b",
    b".",
)
_ORIGINS: Final = (
    b"",
    b"null",
    b"[]",
    b"{}",
    b"\xff",
    b'{"members": "abc"}',
    b'{"members": 7}',
    b'{"members": [1]}',
    b'{"members": [null]}',
    b'{"members": [{}]}',
    b'{"members": {"a": 1}}',
    b'{"members": [{"name": ["x"], "size_bytes": 1}]}',
    b'{"members": [{"name": "payload.stdout", "size_bytes": "x"}]}',
    b'{"members": [{"name": "payload.stdout", "size_bytes": 4}], "lfn": {"a": []}}',
    b'{"lfn": 7, "rse": {}, "size_bytes": "x", "adler32": [], "unshown": 3}',
    b'{"scope": "\\u0000", "lfn": "\\ud800"}',
    b"[" * _NESTED,
    b'{"a":' * _NESTED,
    b"9" * 10_000,
)


def bad_mark_and_origin(chance: random.Random) -> bytes:
    """The content of the two files, with two NULs between."""
    return chance.choice(_MARKS) + b"\0\0" + chance.choice(_ORIGINS)


def publish(root: Path, job: int, given: FileInput) -> Path:
    """Make the directory of a job's published log, with the input's mark and origin."""
    directory = root / str(job) / str(job)
    directory.mkdir(parents=True, exist_ok=True)
    mark, _, origin = given.content.partition(b"\0\0")
    (directory / DONE).write_bytes(mark)
    (directory / ORIGIN).write_bytes(origin)
    (directory / "payload.stdout").write_bytes(b"abc\n")
    with suppress(FileExistsError):
        os.mkfifo(directory / "payload.stderr")
    return directory
