"""A process that is aborted leaves no core file, nor does one that it started."""

from __future__ import annotations

import resource
import subprocess
import sys
from pathlib import Path

import pytest

ABORT = "import os; os.abort()"
CHILD = f"import subprocess, sys; subprocess.run([sys.executable, '-S', '-c', {ABORT!r}])"
FORBID = "from deployments import core_dumps; core_dumps.forbid(); "
ROOT = Path(__file__).parents[3]


def dumps(code: str, where: Path, *, hard: int = resource.RLIM_INFINITY) -> list[Path]:
    """The files that a process leaves in its directory which dumps as much as it may."""

    def allow() -> None:
        resource.setrlimit(resource.RLIMIT_CORE, (hard, hard))

    subprocess.run(
        [sys.executable, "-c", code],
        cwd=where,
        env={"PYTHONPATH": str(ROOT)},
        preexec_fn=allow,
        check=False,
    )
    return list(where.iterdir())


@pytest.fixture(scope="module")
def are_written(tmp_path_factory: pytest.TempPathFactory) -> None:
    """See that a process which is aborted does leave a core file here, if nothing forbids it."""
    pattern = Path("/proc/sys/kernel/core_pattern").read_text()
    _, hard = resource.getrlimit(resource.RLIMIT_CORE)
    if pattern.startswith(("|", "/", "@")) or hard != resource.RLIM_INFINITY:
        pytest.skip("core files are not written into the directory of the process here")
    assert dumps(ABORT, tmp_path_factory.mktemp("control"))


@pytest.mark.usefixtures("are_written")
@pytest.mark.parametrize("code", [ABORT, CHILD])
def test_nothing_is_left_by_a_process_that_forbade_it(tmp_path, code):
    assert dumps(FORBID + code, tmp_path) == []


def test_a_lower_limit_stays(tmp_path):
    say = "import resource; print(*resource.getrlimit(4), file=open('limits', 'w'))"
    dumps(FORBID + say, tmp_path, hard=0)
    assert (tmp_path / "limits").read_text().split() == ["0", "0"]
