"""What is refused before anything is done, each in one line that says what to do."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import pytest

from deployments.install import checks
from deployments.install.checks import check, check_prefix
from deployments.install.options import Options, check_parts
from flows.common.settings import BadSetting


@pytest.mark.parametrize(
    ("prefix", "words"),
    [
        ("opt/prodops", "must be absolute"),
        ("/opt/pro dops", "may hold letters"),
        ("/opt/50%", "may hold letters"),
        ("/opt/../etc", "no `..`"),
        ("/opt/a:b", "may hold letters"),
        ("/opt/$HOME", "may hold letters"),
        ("/opt/\n", "may hold letters"),
    ],
)
def test_a_prefix_that_cannot_stand_in_units_is_refused(prefix: str, words: str):
    with pytest.raises(BadSetting, match=words):
        check_prefix(Path(prefix))


@pytest.mark.parametrize("prefix", ["/", "/opt/prodops", "/srv/p-1.2_3"])
def test_a_plain_prefix_will_do(prefix: str):
    check_prefix(Path(prefix))


@pytest.mark.parametrize("user", ["root", "Anna B", "", "a" * 40, "x;y"])
def test_a_user_that_no_part_can_run_as_is_refused(user: str):
    with pytest.raises(BadSetting):
        check(Options(prefix=Path("/opt"), ops_user=user))


@pytest.mark.skipif(os.geteuid() != 0, reason="as another, one user is what one may")
def test_one_user_for_both_sides_is_refused_to_root():
    with pytest.raises(BadSetting, match="between them is the border"):
        check(Options(prefix=Path("/opt"), ops_user="nobody", web_user="nobody"))


def users(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checks, "shared_groups", lambda *_: [])
    monkeypatch.setattr(checks, "check_code", lambda: None)


def test_a_prefix_behind_a_closed_directory_is_refused(tmp_path: Path, monkeypatch):
    users(monkeypatch)
    tmp_path.chmod(0o700)
    with pytest.raises(BadSetting, match="is closed to others"):
        check(Options(prefix=tmp_path / "site"))


def test_a_prefix_below_what_others_write_is_refused(options: Options, tmp_path, monkeypatch):
    monkeypatch.setattr(checks, "_check_users", lambda options: None)
    tmp_path.chmod(0o777)
    with pytest.raises(BadSetting, match="is writable by others"):
        check(options)
    tmp_path.chmod(0o1777)
    check(options)


def test_a_prefix_that_is_a_file_is_refused(options: Options, monkeypatch):
    monkeypatch.setattr(checks, "_check_users", lambda options: None)
    options.prefix.write_text("")
    with pytest.raises(BadSetting, match="is a file, and no directory"):
        check(options)


def test_users_who_share_a_group_are_refused(options: Options, monkeypatch):
    monkeypatch.setattr(checks, "shared_groups", lambda *_: ["eic"])
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    with pytest.raises(BadSetting, match="are both in group eic"):
        check(replace(options, ops_user="daemon", web_user="nobody"))


def test_an_unknown_part_is_named(options: Options):
    with pytest.raises(BadSetting, match="there is no part 'postgres'; the parts are prefect, api"):
        check_parts(("api", "postgres"))
    assert check_parts(("worker", "api")) == ("api", "worker")


def test_a_user_without_an_entry_is_named(monkeypatch):
    monkeypatch.setattr(os, "geteuid", lambda: 4_000_000)
    with pytest.raises(BadSetting, match="user id 4000000 has no entry"):
        checks.current()
