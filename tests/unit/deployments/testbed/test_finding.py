"""Which `testbed.toml` is meant."""

from __future__ import annotations

from pathlib import Path

import pytest

from deployments.testbed import finding
from deployments.testbed.errors import BadTestbed
from flows.common.settings import testbed as testbed_settings


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def settings(config: Path | None = None):
    return testbed_settings.TestbedSettings(config=config)


@pytest.mark.parametrize("file", ["mine", "mine.toml", "mine_default.toml"])
def test_a_name_may_leave_out_its_ending(here, file):
    (here / file).touch()
    assert finding.find("mine", settings(), in_use=None) == here / file


def test_the_setting_then_this_directory_then_the_one_in_use(here):
    in_use, given = Path("/in/use.toml"), Path("/given.toml")
    assert finding.find(None, settings(), in_use=in_use) == in_use
    (here / "testbed.toml").touch()
    assert finding.find(None, settings(), in_use=in_use) == here / "testbed.toml"
    assert finding.find(None, settings(given), in_use=in_use) == given


def test_where_there_is_none_the_way_to_one_is_said():
    with pytest.raises(BadTestbed, match="`testbed init` writes one"):
        finding.find(None, settings(), in_use=None)
    with pytest.raises(BadTestbed, match=r"no testbed configuration 'x' .*x_default.toml"):
        finding.find("x", settings(), in_use=None)


def test_a_workflows_configuration_may_be_named_as_the_original_does(here):
    assert finding.split("fast_processing") == (None, "fast_processing")
    (here / "fast_processing.toml").touch()
    assert finding.split("fast_processing") == ("fast_processing", None)
