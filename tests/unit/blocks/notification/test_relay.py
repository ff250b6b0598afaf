"""The mail block's paths: absolute as they are stored, or refused by their field's name."""

from __future__ import annotations

import os
import pwd
from pathlib import Path

import pytest
from pydantic import ValidationError

from blocks.notification import MailRelay

FIELDS = ["password_file", "ca_file"]


def relay(**paths: str) -> MailRelay:
    return MailRelay(host="mail.test", sender="a@test", recipients=["b@test"], **paths)


def nobody(_: object) -> pwd.struct_passwd:
    raise KeyError("not found")


@pytest.mark.parametrize("field", FIELDS)
def test_a_path_is_stored_as_it_is_from_everywhere(monkeypatch, tmp_path, field):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    assert getattr(relay(**{field: "~/p"}), field) == tmp_path / "p"
    assert getattr(relay(**{field: "p"}), field) == tmp_path / "p"
    assert getattr(relay(**{field: "/etc/p"}), field) == Path("/etc/p")


@pytest.mark.parametrize("field", FIELDS)
def test_where_there_is_no_home_the_field_is_named(monkeypatch, field):
    monkeypatch.setattr(pwd, "getpwuid", nobody)
    monkeypatch.setattr(pwd, "getpwnam", nobody)
    monkeypatch.delenv("HOME")
    for path in ("~/p", "~ghost/p"):
        with pytest.raises(ValidationError, match="no home: set HOME") as refused:
            relay(**{field: path})
        assert [each["loc"] for each in refused.value.errors()] == [(field,)]


def test_where_the_working_directory_is_gone_the_field_is_named(monkeypatch, tmp_path):
    gone = tmp_path / "gone"
    gone.mkdir()
    monkeypatch.chdir(gone)
    gone.rmdir()
    with pytest.raises(ValidationError, match="the working directory is gone") as refused:
        relay(password_file="p")
    assert [each["loc"] for each in refused.value.errors()] == [("password_file",)]
    assert relay(password_file="/p").password_file == Path("/p")
    os.chdir(tmp_path)
