"""Settings are written once, and then are the operator's."""

from __future__ import annotations

from pathlib import Path

import pytest

from deployments.install.owners import current
from deployments.install.settings_file import SettingsFile
from deployments.install.steps import Finding


@pytest.fixture
def offered() -> dict[str, str]:
    return {}


def written(path: Path, content: str, offered: dict[str, str]) -> SettingsFile:
    """The file as a version with that content has it."""
    return SettingsFile(path / "ops.env", content, current(), offered)


def test_one_that_nobody_edited_is_brought_up_to_date(tmp_path: Path, offered):
    written(tmp_path, "A=1\n", offered).do()
    newer = written(tmp_path, "A=1\nB=2\n", offered)
    assert newer.look() is Finding.CHANGE
    newer.do()
    assert newer.path.read_text() == "A=1\nB=2\n"
    assert newer.look() is Finding.DONE


def test_one_that_was_edited_stays_and_a_proposal_is_laid_beside_once(tmp_path: Path, offered):
    written(tmp_path, "A=1\n", offered).do()
    (tmp_path / "ops.env").write_text("A=mine\n")
    assert written(tmp_path, "A=1\n", offered).look() is Finding.DONE
    newer = written(tmp_path, "A=1\nB=2\n", offered)
    assert newer.look() is Finding.CHANGE
    assert newer.objection() == ""
    assert "proposal in ops.env.new" in newer.describe()
    newer.do()
    assert newer.path.read_text() == "A=mine\n"
    assert (tmp_path / "ops.env.new").read_text() == "A=1\nB=2\n"
    assert newer.look() is Finding.DONE


def test_one_that_was_there_before_is_the_operators(tmp_path: Path, offered):
    (tmp_path / "ops.env").write_text("A=mine\n")
    (tmp_path / "ops.env").chmod(0o600)
    step = written(tmp_path, "A=1\n", offered)
    assert step.look() is Finding.CHANGE
    step.do()
    assert step.path.read_text() == "A=mine\n"
    assert (tmp_path / "ops.env.new").read_text() == "A=1\n"


def test_only_its_mode_is_mended_where_its_form_is_not_old(tmp_path: Path, offered):
    step = written(tmp_path, "A=1\n", offered)
    step.do()
    step.path.write_text("A=mine\n")
    step.path.chmod(0o644)
    assert step.look() is Finding.CHANGE
    assert "chmod 0600" in step.objection()
    step.do()
    assert step.path.stat().st_mode & 0o777 == 0o600
    assert not (tmp_path / "ops.env.new").exists()
