"""Which Python `make` takes, and what it says where there is none that will do."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from deployments.reference import ROOT

SCRIPT = ROOT / "deployments" / "find-python.sh"
PYTHON = """\
#!/bin/bash
case "$2" in *version_info*) echo {version} ;; *) exit {without_venv} ;; esac
"""
SHIM = '#!/bin/bash\necho "pyenv: $0: command not found" >&2\nexit 127\n'


@pytest.fixture
def machine(tmp_path):
    """A PATH on which there is what the script needs, and no Python."""
    (tmp_path / "bash").symlink_to("/bin/bash")
    for name in ("dirname", "sed"):
        (tmp_path / name).symlink_to(f"/bin/{name}")
    return tmp_path


def install(machine: Path, name: str, version: str, *, without_venv: int = 0) -> None:
    program(machine / name, PYTHON.format(version=version, without_venv=without_venv))


def program(path: Path, text: str) -> None:
    path.write_text(text)
    path.chmod(0o755)


def find(machine: Path, *names: str) -> tuple[int, str]:
    done = subprocess.run(
        ["/bin/bash", SCRIPT, *names],
        env={"PATH": str(machine)},
        capture_output=True,
        text=True,
        timeout=20,
        check=False,
    )
    return done.returncode, (done.stdout + done.stderr).strip()


def test_the_first_of_the_declared_versions_is_taken(machine):
    install(machine, "python3.13", "3.13.0")
    install(machine, "python3.12", "3.12.1")
    install(machine, "python3", "3.11.2")
    assert find(machine) == (0, "python3.12")


def test_a_bare_python3_of_a_declared_version_will_do(machine):
    install(machine, "python3", "3.13.5")
    assert find(machine) == (0, "python3")


def test_a_shim_that_does_not_run_is_passed_over(machine):
    program(machine / "python3.11", SHIM)
    install(machine, "python3.12", "3.12.1")
    assert find(machine) == (0, "python3.12")


def test_a_python_that_makes_no_environments_is_passed_over(machine):
    install(machine, "python3.11", "3.11.2", without_venv=1)
    install(machine, "python3.13", "3.13.0")
    assert find(machine) == (0, "python3.13")


def test_without_venv_one_line_names_the_package(machine):
    install(machine, "python3.11", "3.11.2", without_venv=1)
    install(machine, "python3", "3.11.2", without_venv=1)
    code, said = find(machine)
    assert code == 2
    assert said == (
        "python3.11 (3.11.2) cannot make environments: "
        "install the package python3-venv (apt-get install python3-venv)"
    )


def test_other_versions_are_named_in_one_line(machine):
    install(machine, "python3", "3.9.2")
    code, said = find(machine)
    assert code == 2
    assert said.startswith("prodops needs Python 3.11 to 3.13 (found: python3 is 3.9.2): install")
    assert len(said.splitlines()) == 1


def test_the_one_that_is_named_is_the_only_one_looked_at(machine):
    install(machine, "python3.11", "3.11.2")
    install(machine, "mine", "3.14.0")
    assert find(machine, "mine")[1].startswith("prodops needs Python 3.11 to 3.13 (found: mine is")
    assert find(machine, "python3.12")[1].count("found: none of python3.12 runs") == 1
