"""The state directory: private where it must be, and nothing of others is changed."""

import stat
from pathlib import Path

import pytest

from blocks.errors import ProdOpsError
from deployments.stack.credentials import Credentials, password_in
from deployments.stack.errors import AlreadyUp
from deployments.stack.layout import Layout
from deployments.stack.lock import UpLock


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    layout = Layout(tmp_path / "state")
    layout.create()
    return layout


def test_what_is_made_is_the_owners_only(layout: Layout):
    made = [layout.state_dir, layout.secrets, layout.logs, layout.specs, layout.prefect_home]

    assert {mode(path) for path in made} == {0o700}


def test_a_directory_that_was_there_keeps_its_mode(tmp_path: Path):
    state_dir = tmp_path / "state"
    state_dir.mkdir()
    state_dir.chmod(0o755)

    Layout(state_dir).create()

    assert mode(state_dir) == 0o755


def test_open_secrets_are_refused_and_not_changed(tmp_path: Path):
    secrets = tmp_path / "secrets"
    secrets.mkdir()
    secrets.chmod(0o755)

    with pytest.raises(ProdOpsError, match="chmod 700"):
        Layout(tmp_path).create()

    assert mode(secrets) == 0o755


def test_a_long_state_directory_has_its_socket_elsewhere(tmp_path: Path):
    layout = Layout(tmp_path / ("x" * 120))

    assert len(str(layout.socket)) < 100
    assert layout.socket.parent.parent == Path("/tmp")
    assert Layout(Path("/state")).socket == Path("/state/supervisor.sock")


def test_every_secret_is_a_file_of_its_owner(layout: Layout):
    credentials = Credentials(layout.secrets)
    credentials.create()

    assert {path.name: mode(path) for path in layout.secrets.iterdir()} == dict.fromkeys(
        [
            "pgpass.superuser",
            "pgpass.ops",
            "pgpass.web",
            "pgpass.prefect",
            "pgpass.rucio",
            "prefect.password",
            "cookie.key",
            "pcs.token",
            "canary.token",
        ],
        0o600,
    )
    assert credentials.prefect_api.read_text().startswith("admin:")


def test_a_secret_that_is_there_is_kept_and_a_missing_one_made(layout: Layout):
    credentials = Credentials(layout.secrets)
    credentials.create()
    before = password_in(credentials.ops)
    credentials.web.unlink()

    credentials.create()

    assert password_in(credentials.ops) == before
    assert len(password_in(credentials.web)) > 30


def test_a_stack_is_up_once(layout: Layout):
    first, second = UpLock(layout), UpLock(layout)
    first.take()

    with pytest.raises(AlreadyUp, match="already up"):
        second.take()

    first.free()
    assert second.holder() is None
