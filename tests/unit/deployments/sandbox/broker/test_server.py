"""The files of the sandbox's message broker."""

from __future__ import annotations

import os

import pytest

from deployments.sandbox.broker import access, server
from deployments.stack.layout import Layout
from deployments.stack.temporary import temporary_settings


@pytest.fixture(scope="module")
def settings(tmp_path_factory):
    state_dir = tmp_path_factory.mktemp("broker") / "state"
    made = temporary_settings({"PRODOPS_STATE_DIR": os.fspath(state_dir)})
    Layout(made.stack.state_dir).create()
    server.prepare(made)
    return made


def test_every_file_is_its_owner_s_alone(settings):
    files = [path for path in access.broker_home(settings).iterdir() if path.is_file()]
    files += [access.login_file(settings, user) for user in access.USERS]
    assert len(files) == 8
    assert {path.stat().st_mode & 0o777 for path in files} == {0o600}


def test_preparing_again_keeps_passwords_and_authority_and_forgets_what_was_half_written(settings):
    kept = [access.login_file(settings, access.OPS_USER), access.broker_ca(settings)]
    before = [path.read_bytes() for path in kept]
    half = access.broker_home(settings) / ".new-half"
    half.touch()
    server.prepare(settings)
    assert [path.read_bytes() for path in kept] == before
    assert not half.exists()


def test_two_users_have_two_passwords(settings):
    passwords = {access.password(settings, user) for user in access.USERS}
    assert len(passwords) == 2
