"""The two commands and the unit tests in a Debian that has nothing but what the README names."""

from __future__ import annotations

import os
import platform
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.slow.newcomer import Newcomer, copy_sources, give

pytestmark = pytest.mark.xdist_group("newcomer")  # one at a time: each is a whole stack

PACKAGES = ("python3", "python3-venv", "make", "ca-certificates")
BOOTSTRAP_SECONDS = 900
UID = 1000
OF_THE_MACHINE = (
    "etc/hosts", "etc/resolv.conf", "etc/pip.conf", "etc/uv/uv.toml",
    "etc/ssl/certs/ca-certificates.crt",
)  # fmt: skip
# bash stays, as the first process of its own PID namespace: it reaps orphans, as an init does.
ENTER = """
mount -t proc proc "$1/proc" && mount -t tmpfs -o mode=1777 tmpfs "$1/dev/shm" || exit
chroot --userspec={uid}:{uid} --groups= "$@"
exit $?
"""


@contextmanager
def place_of_roots() -> Iterator[Path]:
    """A directory for roots, which goes with all that is in it."""
    made = Path(tempfile.mkdtemp(prefix="bare-debian-"))
    made.chmod(0o755)  # apt fetches as a user of its own
    try:
        yield made
    finally:
        shutil.rmtree(made)


@pytest.fixture
def place() -> Iterator[Path]:
    with place_of_roots() as made:
        yield made


@pytest.fixture
def bare(place) -> Newcomer:
    """An ordinary user of a fresh Debian, which has no git, no PostgreSQL and no XRootD."""
    if os.geteuid() != 0:
        pytest.skip("only root can make a Debian")
    if shutil.which("mmdebstrap") is None:
        pytest.skip("no mmdebstrap: deployments/system-packages.sh slow installs it")
    root = place / "root"
    bootstrap(root, place / "apt.conf")
    for name in OF_THE_MACHINE:
        copy_into(root, name)
    with (root / "etc/passwd").open("a") as users:
        users.write(f"newcomer:x:{UID}:{UID}::/home/newcomer:/bin/bash\n")
    with (root / "etc/group").open("a") as groups:
        groups.write(f"newcomer:x:{UID}:\n")
    made = Newcomer(
        root / "home" / "newcomer", root / "srv" / "prodops", root=root,
        entering=[
            "unshare", "--mount", "--pid", "--fork", "--kill-child",
            "bash", "-c", ENTER.format(uid=UID), "enter", str(root),
        ],
    )  # fmt: skip
    made.home.mkdir()
    copy_sources(made.sources)
    give(made.home, UID, UID)
    give(made.sources, UID, UID)
    return made


def bootstrap(root: Path, options: Path, packages: Sequence[str] = PACKAGES) -> None:
    """Make the Debian, of this machine's release and from where this machine has its packages."""
    release = platform.freedesktop_os_release()
    if release["ID"] != "debian":
        pytest.skip("this machine is no Debian")
    codename = release["VERSION_CODENAME"]
    lists = [Path("/etc/apt/sources.list"), *Path("/etc/apt/sources.list.d").glob("*.[ls]*")]
    sources = [
        path for path in lists
        if path.suffix in {".list", ".sources"} and path.exists() and codename in path.read_text()
    ]  # fmt: skip
    options.write_bytes(subprocess.check_output(["apt-config", "dump", "Acquire"], timeout=60))
    subprocess.run(
        [
            "mmdebstrap", "--quiet", "--variant=minbase", f"--include={','.join(packages)}",
            f"--aptopt={options}", codename, root, *sources,
        ],
        check=True,
        timeout=BOOTSTRAP_SECONDS,
    )  # fmt: skip


def copy_into(root: Path, name: str) -> None:
    """How names are resolved and registries reached, where this machine says it."""
    source, target = Path("/") / name, root / name
    if source.exists():
        target.parent.mkdir(parents=True, exist_ok=True)
        target.unlink(missing_ok=True)
        shutil.copyfile(source, target)


def test_the_two_commands_and_the_unit_tests(bare):
    path = os.pathsep.join(f"{bare.root}/usr/{place}" for place in ("bin", "sbin"))
    assert [name for name in ("git", "curl", "xrootd") if shutil.which(name, path=path)] == []
    assert "the doors are plain files" in bare.try_all()
