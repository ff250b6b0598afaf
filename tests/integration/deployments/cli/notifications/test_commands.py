"""`prodops notify`: channels by their names, their URLs nowhere but in their files."""

from __future__ import annotations

import json

import pytest

from deployments.notifier.delivering import directory_of
from flows.common.settings import settings

pytestmark = pytest.mark.integration


@pytest.fixture
def url_file(tmp_path, monkeypatch):
    monkeypatch.setenv("PRODOPS_STATE_DIR", str(tmp_path))
    settings.cache_clear()
    file = tmp_path / "secret.url"
    file.write_text("file:ops.jsonl\n")
    file.chmod(0o600)
    return file


def test_a_channel_is_made_tried_listed_and_removed(prodops, url_file):
    made = f"notify channel add ops --kind file --url-file {url_file} --a-minute 7"
    prodops(made + " --open-to-watchers --description 'For all'")
    prodops("notify test ops")
    [line] = (directory_of(settings()) / "ops.jsonl").read_text().splitlines()
    assert json.loads(line)["title"] == "prodops: a test of the channel ops"
    text = prodops("notify channel list")
    [row] = prodops("notify channel list --json")
    assert (row["name"], row["a_minute"], row["open_to_watchers"]) == ("ops", 7, True)
    assert "ops.jsonl" not in text
    assert str(url_file) not in text
    prodops("notify channel disable ops")
    prodops("notify channel remove ops")
    assert prodops("notify channel list --json") == []
    assert prodops("notify list --json") == []


@pytest.mark.parametrize(
    ("content", "mode", "fails"),
    [
        ("file:x", 0o640, "chmod 600"),
        ("", 0o600, "must hold one URL"),
        ("json://a json://b", 0o600, "must hold one URL"),
    ],
)
def test_a_file_that_holds_no_url_in_private_is_refused(prodops, url_file, content, mode, fails):
    url_file.write_text(content)
    url_file.chmod(mode)
    prodops(f"notify channel add ops --kind file --url-file {url_file}", fails=fails)


def test_a_channel_that_is_not_there_is_answered_with_the_nearest(prodops, url_file):
    prodops(f"notify channel add ops --kind file --url-file {url_file}")
    prodops("notify test opps", fails="did you mean 'ops'")
    prodops(f"notify channel add ops --kind slack --url-file {url_file}", fails="of the kind file")
