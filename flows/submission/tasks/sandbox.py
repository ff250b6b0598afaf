"""The private directory in which prun runs: empty but for the files that the task names."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Final

from blocks.errors import ProdOpsError
from flows.common import run
from flows.common.directories import private_directory, remove_dead

_PRIVATE: Final = 0o700
_MAX_FILE_BYTES: Final = 64 * 1024 * 1024


class SandboxRefused(ProdOpsError):
    """The directory cannot be made as the configuration wants it."""


@contextmanager
def made(attempt_id: int, files: Sequence[str]) -> Iterator[Path]:
    """A directory with `home` and `work`, each of mode 0700, for one run of prun.

    Raises:
        SandboxRefused: A file is not there, is none, or is too large.
    """
    with ExitStack() as stack:
        try:
            private = private_directory(_parent(), f"{attempt_id}.", parent_mode=_PRIVATE)
            directory = stack.enter_context(private)
            for name in ("home", "work"):
                (directory / name).mkdir(mode=_PRIVATE)
            for name in files:
                _copy_in(name, directory / "work")
        except OSError as error:
            raise SandboxRefused(f"the sandbox cannot be made: {error}") from error
        yield directory


def remove_all(attempt_id: int) -> None:
    """Remove what earlier runs of the attempt left."""
    remove_dead(_parent(), f"{attempt_id}.")


def _parent() -> Path:
    return run.current().settings.stack.state_dir / "submissions"


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
