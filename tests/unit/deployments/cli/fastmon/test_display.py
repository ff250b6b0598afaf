"""What the fast-monitoring client shows and counts, and the commands that need no monitor."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner

from blocks.monitor_api import StreamEvent
from deployments.cli.fastmon import display
from deployments.cli.fastmon.watch import fastmon_app
from flows.common.settings import settings

NOWHERE = "http://127.0.0.1:1"
STARTED = datetime(2026, 1, 2, tzinfo=UTC)


@pytest.fixture(autouse=True)
def _no_settings_of_this_machine(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("SWF_API_TOKEN", raising=False)
    monkeypatch.delenv("PRODOPS_API_TOKEN", raising=False)
    settings.cache_clear()
    yield
    settings.cache_clear()


def tf(**changed: Any) -> StreamEvent:
    data = {
        "tf_filename": "swf.1.000001_tf_001.tf",
        "stf_filename": "swf.1.000001.stf",
        "file_size_bytes": 3 * 1024**2,
        "run_number": "100010",
        "status": "registered",
        "timestamp": "2026-01-02T03:04:05",
    }
    return StreamEvent(1, display.TF_EVENT, data | changed)


def test_a_tf_file_is_shown_in_one_line_as_the_original_does(monkeypatch):
    monkeypatch.setenv("NO_COLOR", "1")
    assert display.line_of(tf()) == (
        "[03:04:05] TF: swf.1.000001_tf_001.tf    | Size:    3.0MB"
        " | STF: swf.1.000001.stf     | Run: 100010 | Status: registered"
    )


def test_a_status_is_coloured_and_still_in_words():
    assert "\x1b[92mregistered\x1b[0m" in display.line_of(tf())


texts = st.text("a7é\x1b\n:-", max_size=9) | st.just("9" * 5000)
json_values = st.none() | st.booleans() | st.integers() | st.floats() | texts | st.just([])
fields = st.sampled_from(["tf_filename", "file_size_bytes", "run_number", "status", "timestamp"])


@given(st.dictionaries(fields, json_values), st.sampled_from(["tf_file_registered", "connected"]))
def test_whatever_a_message_holds_is_shown_and_summed_up(data, kind):
    event = StreamEvent(None, kind, tf().data | data)
    tally = display.Tally(STARTED)
    tally.count(event)
    assert display.line_of(event)
    assert list(tally.summary(STARTED))


def test_a_message_cannot_send_control_sequences_to_the_terminal():
    line = display.line_of(tf(tf_filename="\x1b]0;owned\x07", status="\n[00:00:00]"))
    assert not {"\x1b", "\x07", "\n"} & set(line)


def test_runs_are_counted_together_whether_they_come_as_text_or_number():
    tally = display.Tally(STARTED)
    for run in ("9", 100010, "100010", None):
        tally.count(tf(run_number=run))
    assert list(tally.summary(STARTED + timedelta(seconds=61))) == [
        "Uptime: 0:01:01",
        "TF Files Received: 4",
        "Total Data Size: 12.00 MB",
        "Active Runs: 2",
        "Run Statistics:",
        "  Run 9: 1 TF files, 3.00 MB",
        "  Run 100010: 2 TF files, 6.00 MB",
    ]


def test_a_file_without_size_is_shown_and_adds_nothing():
    tally = display.Tally(STARTED)
    tally.count(tf(file_size_bytes=None))
    assert (tally.tf_files.total(), sum(tally.size_bytes.values())) == (1, 0)
    assert "Size:        -" in display.line_of(tf(file_size_bytes=None))


@pytest.mark.parametrize(
    ("size", "shown"), [(0, "0B"), (1024, "1024B"), (1536, "1.5KB"), (5 * 1024**3, "5.0GB")]
)
def test_sizes_are_written_for_people(size, shown):
    assert display.human_size(size) == shown


def test_another_event_is_named_with_its_run():
    event = StreamEvent(1, "end_run", {"run_id": "7", "timestamp": "2026-01-02T03:04:05"})
    assert display.line_of(event) == "[03:04:05] Other message: end_run | Run: 7"


@pytest.mark.parametrize(
    ("timestamp", "shown"),
    [
        ("2026-01-02T03:04:05Z", "03:04:05"),
        ("2026-01-02T05:34:05+02:30", "03:04:05"),
        ("2026-01-02T03:04:05", "03:04:05"),
    ],
)
def test_a_message_s_time_is_in_utc_wherever_one_reads_it(new_york, timestamp, shown):
    event = StreamEvent(1, "end_run", {"timestamp": timestamp})
    assert display.line_of(event).startswith(f"[{shown}]")


@pytest.mark.parametrize("timestamp", [None, 7, "yesterday", ["2026"]])
def test_a_message_without_a_time_is_shown_with_the_time_in_utc(new_york, timestamp):
    before = datetime.now(UTC)
    line = display.line_of(StreamEvent(1, "end_run", {"timestamp": timestamp}))
    assert line[1:9] in {f"{at:%H:%M:%S}" for at in (before, datetime.now(UTC))}


@pytest.mark.parametrize("command", ["watch", "start"])
def test_without_a_token_it_says_so_and_ends_with_1(command):
    result = CliRunner().invoke(fastmon_app, [command, "-m", NOWHERE])
    assert result.exit_code == 1
    assert "SWF_API_TOKEN environment variable is required" in result.stderr


def test_status_shows_the_configuration_also_when_no_monitor_answers():
    result = CliRunner().invoke(fastmon_app, ["status", "-m", NOWHERE, "--agents", "a, b"])
    assert result.exit_code == 0
    assert f"Monitor URL: {NOWHERE}\nAPI Token: Not set\n" in result.stdout
    assert f"Stream: {NOWHERE}/api/messages/stream/\n" in result.stdout
    assert "agents: a,b" in result.stdout
    assert "no status (no answer from" in result.stdout


def test_the_original_names_of_the_settings_are_read(monkeypatch):
    monkeypatch.setenv("SWF_MONITOR_URL", NOWHERE)
    monkeypatch.setenv("SWF_API_TOKEN", "secret")
    result = CliRunner().invoke(fastmon_app, ["status"])
    assert f"Monitor URL: {NOWHERE}\nAPI Token: Set\n" in result.stdout
    assert "secret" not in result.stdout


def test_an_address_that_cannot_be_one_ends_with_one_line():
    result = CliRunner().invoke(fastmon_app, ["watch", "-m", "nonsense", "-t", "t"])
    assert (result.exit_code, result.stderr.count("\n")) == (1, 1)
    assert "'nonsense' is no http" in result.stderr
