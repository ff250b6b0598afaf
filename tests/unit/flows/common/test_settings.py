"""Settings: read from the environment and .env, frozen, and refused in one line."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from pydantic import ValidationError

from flows.common.settings import BadSetting, known_names, problems, settings
from flows.common.settings.tree import load
from tests.cases import same


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch) -> Path:
    """A directory without a .env of a developer's own."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_defaults_suffice():
    assert load().api.port == 8002


def test_the_environment_sets(monkeypatch):
    monkeypatch.setenv("PRODOPS_FASTMON_SELECTION_FRACTION", "0.5")

    assert load().fastmon.selection_fraction == 0.5


def test_stacks_with_states_of_their_own_share_no_public_directory(monkeypatch):
    found = set()
    for state_dir in ("/one", "/two", "~/three"):
        monkeypatch.setenv("PRODOPS_STATE_DIR", state_dir)
        found.add(load().stack.tmp_dir)
    assert found == {Path("/one/public"), Path("/two/public"), Path.home() / "three/public"}
    monkeypatch.setenv("SWF_TMP_DIR", "/shared")
    assert load().stack.tmp_dir == Path("/shared")


@pytest.mark.parametrize("seconds", ["30.5", "61", "0", "-1", "nan", "inf"])
def test_a_heartbeat_that_proxies_would_miss_is_refused(monkeypatch, seconds):
    monkeypatch.setenv("PRODOPS_STREAM_HEARTBEAT_SECONDS", seconds)
    with pytest.raises(BadSetting, match="PRODOPS_STREAM_HEARTBEAT_SECONDS"):
        load()


@pytest.mark.parametrize(
    ("original", "group", "field"),
    [
        (name, group, field)
        for name, (group, field) in known_names().items()
        if not name.startswith("PRODOPS_")
    ],
)
def test_an_original_name_works(monkeypatch, original, group, field):
    default = default_of(group, field)
    value = {"float": "0.25", "int": "3", "bool": "True"}.get(type(default).__name__, "/queue/y")
    monkeypatch.setenv(original, value)

    assert value.removeprefix("/queue/") in str(getattr(getattr(load(), group), field))


def default_of(group: str, field: str) -> object:
    return getattr(getattr(load(), group), field)


def test_our_name_wins_over_the_original(monkeypatch):
    monkeypatch.setenv("SWF_MONITOR_URL", "http://original")
    monkeypatch.setenv("PRODOPS_API_MONITOR_URL", "http://ours")

    assert load().api.monitor_url == "http://ours"


def test_a_dotenv_file_is_read_and_the_environment_wins(elsewhere, monkeypatch):
    (elsewhere / ".env").write_text("PRODOPS_API_PORT=8100\nPRODOPS_DATABASE_PORT=8101\n")
    monkeypatch.setenv("PRODOPS_API_PORT", "8200")

    assert (load().api.port, load().database.port) == (8200, 8101)


def test_lists_are_split_at_their_separator(monkeypatch):
    monkeypatch.setenv("PRODOPS_FASTMON_NAMESPACES", "epic, testbed,")
    monkeypatch.setenv("FASTMON_WATCH_DIR", "/data/a:/data/b")

    assert load().fastmon.namespaces == ("epic", "testbed")
    assert load().fastmon.watch_dirs == ("/data/a", "/data/b")


def test_the_tree_is_frozen():
    with pytest.raises(ValidationError, match="frozen"):
        load().api.port = 1  # type: ignore[misc]


def test_settings_are_read_once_a_process(monkeypatch):
    before = settings()
    monkeypatch.setenv("PRODOPS_API_PORT", "8300")

    assert settings() is before


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("PRODOPS_API_PROT", "; did you mean PRODOPS_API_PORT?"),
        ("PRODOPS_" + "Q" * 40, ""),
    ],
)
def test_an_unknown_name_is_refused_with_a_hint(monkeypatch, name, hint):
    monkeypatch.setenv(name, "1")

    with pytest.raises(BadSetting) as refused:
        load()

    assert str(refused.value) == f"setting {name} does not exist{hint}"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("PRODOPS_API_PORT", "0"),
        ("PRODOPS_DATABASE_URL", "mysql://x"),
        ("PRODOPS_ROOT_PATH", "no-slash"),
        ("PRODOPS_API_TRUSTED_PROXIES", "10.0.0.0/99"),
        ("PRODOPS_FASTMON_SELECTION_FRACTION", "2"),
        ("FASTMON_SELECTION_FRACTION", "many"),
        ("FASTMON_TF_FILES_PER_STF", "0"),
    ],
)
def test_a_bad_value_is_one_line_with_the_name_in_use(monkeypatch, name, value):
    monkeypatch.setenv(name, value)

    with pytest.raises(BadSetting) as refused:
        load()

    assert str(refused.value).startswith(f"setting {name}=")
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize(
    ("name", "value"), same(("PRODOPS_API_PORT", "many"), ("PRODOPS_API_PROT", "1"))
)
def test_the_command_ends_with_2_and_one_line(name, value):
    ended = subprocess.run(
        [sys.executable, "-m", "deployments.cli", "status"],
        env={**os.environ, name: value},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )

    assert ended.returncode == 2
    assert ended.stdout == ""
    assert ended.stderr.count("\n") == 1
    assert ended.stderr.startswith(f"prodops: setting {name}")


def test_everything_that_is_wrong_is_told_at_once(monkeypatch):
    assert problems() == []
    monkeypatch.setenv("PRODOPS_API_PORT", "0")
    monkeypatch.setenv("PRODOPS_ROOT_PATH", "no-slash")
    monkeypatch.setenv("PRODOPS_API_PROT", "1")
    names = [each.split("=")[0].split(" ")[1] for each in problems()]
    assert sorted(names) == ["PRODOPS_API_PORT", "PRODOPS_API_PROT", "PRODOPS_ROOT_PATH"]


@pytest.mark.parametrize("days", ["0", "-1", "many", "1e9"])
def test_days_before_an_end_are_above_0(monkeypatch, days):
    monkeypatch.setenv("PRODOPS_NOTIFICATIONS_EXPIRY_DAYS", f"7,{days}")
    with pytest.raises(BadSetting, match="PRODOPS_NOTIFICATIONS_EXPIRY_DAYS"):
        load()
