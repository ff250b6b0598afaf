"""What supervisord is told, and what each part is started from."""

import json
import sys
from pathlib import Path

from deployments.stack.config import supervisor_config
from deployments.stack.layout import Layout
from deployments.stack.parts import Part, parts_of
from deployments.stack.temporary import temporary_settings

_PART = Part(
    name="relay",
    argv=("/usr/bin/python", "-m", "deployments.cli", "relay"),
    environment={"PRODOPS_STATE_DIR": "/state"},
    stop_seconds=7.2,
    priority=40,
)
_PROGRAM = f"""\
[program:relay]
command = "{sys.executable}" -P -m deployments.stack.child parts/relay.json
directory = %(here)s
priority = 40
autostart = false
autorestart = true
startsecs = 2
startretries = 8
stopsignal = TERM
stopwaitsecs = 8
stopasgroup = true
killasgroup = true
redirect_stderr = true
stdout_logfile = %(here)s/logs/relay.log
stdout_logfile_maxbytes = 10MB
stdout_logfile_backups = 3
"""


def parts(**given: str):
    given = {"PRODOPS_STATE_DIR": "/state", **given}
    return {part.name: part for part in parts_of(temporary_settings(given), given)}


def test_a_program_is_configured_exactly():
    config = supervisor_config(Layout(Path("/state")), [_PART])

    assert config[config.index("[program:") :] == _PROGRAM


def test_the_configuration_holds_no_path_of_the_state_and_no_environment():
    config = supervisor_config(Layout(Path('/st "a;te% #1')), [_PART])

    assert config == supervisor_config(Layout(Path("/other")), [_PART])
    assert "\nenvironment" not in config


def test_the_socket_is_open_to_its_owner_only():
    config = supervisor_config(Layout(Path("/state")), [])

    assert "[unix_http_server]\nfile = %(here)s/supervisor.sock\nchmod = 0700\n" in config


def test_a_spec_holds_the_whole_command_and_environment(tmp_path: Path):
    _PART.spec(Path("/state/supervisord.pid")).write(tmp_path / "relay.json")

    assert json.loads((tmp_path / "relay.json").read_text()) == {
        "name": "relay",
        "argv": list(_PART.argv),
        "environment": {"PRODOPS_STATE_DIR": "/state"},
        "death_signal": 9,
        "parent": "/state/supervisord.pid",
        "is_subreaper": False,
        "directory": None,
    }


def test_the_parts_come_in_the_order_of_their_start():
    assert list(parts()) == ["postgres", "prefect", "api", "relay", "worker", "notifier"]


def test_servers_of_ones_own_are_not_started():
    there = parts(
        PRODOPS_DATABASE_URL="postgresql://db/prodops",
        PRODOPS_PREFECT_API_URL="http://prefect:4200/api",
    )

    assert list(there) == ["api", "relay", "worker", "notifier"]


def test_the_scanner_runs_where_a_directory_is_watched():
    assert "scanner" in parts(PRODOPS_FASTMON_WATCH_DIRS="/data")


def test_the_worker_may_drain_and_stops_its_own_children():
    worker = parts(PRODOPS_WORKER_DRAIN_SECONDS="30", PRODOPS_STACK_STOP_SECONDS="5")["worker"]

    assert (worker.stop_seconds, worker.is_group_stopped) == (35, False)


def test_postgres_is_stopped_by_its_fast_shutdown():
    assert parts()["postgres"].stop_signal == "INT"


def test_each_part_is_a_command_of_prodops():
    for name, part in parts().items():
        assert part.argv == (sys.executable, "-m", "deployments.cli", name)


def test_a_daemon_goes_into_the_background_and_gives_up_when_it_is_told_to():
    config = supervisor_config(Layout(Path("/state")), [_PART], is_daemon=True, start_retries=3)
    assert "nodaemon = false" in config
    assert "startretries = 3" in config
