"""The private directory in which prun runs: empty but for the files that the task names."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from blocks.errors import ProdOpsError
from flows.common import run

_MAX_FILE_BYTES: Final = 64 * 1024 * 1024


class SandboxRefused(ProdOpsError):
    """The directory cannot be made as the configuration wants it."""


@contextmanager
def made(attempt_id: int, number: int, files: Sequence[str]) -> Iterator[Path]:
    """A directory with `home` and `work`, each of mode 0700, for one run of prun.

    Raises:
        SandboxRefused: A file is not there, is none, or is too large.
    """
    directory = _parent() / f"{attempt_id}.{number}"
    shutil.rmtree(directory, ignore_errors=True)
    try:
        _furnish(directory, files)
        yield directory
    finally:
        shutil.rmtree(directory, ignore_errors=not directory.exists())


def remove_all(attempt_id: int) -> None:
    """Remove what earlier runs of the attempt left."""
    for path in _parent().glob(f"{attempt_id}.*"):
        shutil.rmtree(path)


def _parent() -> Path:
    path = run.current().settings.stack.state_dir / "submissions"
    path.mkdir(mode=0o700, parents=True, exist_ok=True)
    return path


def _furnish(directory: Path, files: Sequence[str]) -> None:
    try:
        for path in (directory, directory / "home", directory / "work"):
            path.mkdir(mode=0o700)
        for name in files:
            _copy_in(name, directory / "work")
    except OSError as error:
        raise SandboxRefused(f"the sandbox cannot be made: {error}") from error


def _copy_in(name: str, work: Path) -> None:
    folder = run.current().settings.submission.files_dir
    if folder is None:
        raise SandboxRefused(
            f"the configuration wants {name} in the sandbox, and no directory is set to take it "
            "from: set PRODOPS_SUBMISSION_FILES_DIR"
        )
    source = folder / name
    if source.is_symlink() or not source.is_file():
        raise SandboxRefused(f"{source} is not a file; the configuration wants it in the sandbox")
    if source.stat().st_size > _MAX_FILE_BYTES:
        raise SandboxRefused(f"{source} is larger than {_MAX_FILE_BYTES} bytes")
    shutil.copy(source, work / name)
