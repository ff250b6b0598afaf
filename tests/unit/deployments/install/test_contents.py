"""The settings files that are written are settings that prodops takes."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from deployments.install import contents
from deployments.install.options import Options
from deployments.stack.temporary import only_settings
from flows.common.settings import known_names, settings
from tests.support.installation import env_file


@pytest.fixture(params=[contents.ops_env, contents.web_env])
def text(request, options: Options) -> str:
    return request.param(replace(options, root_path="/swf-monitor"))


def test_every_line_and_every_proposal_is_a_setting(text: str, tmp_path: Path):
    (tmp_path / "file").write_text(text)
    with only_settings(env_file(tmp_path / "file")):
        settings.cache_clear()
        assert settings().database.passfile is not None
    proposed = [line[1:].partition("=")[0] for line in text.splitlines() if line[:2] > "# "]
    assert set(filter(None, proposed)) - {"RODOPS"} <= {*known_names(), *proposed}


def test_the_web_tiers_settings_name_nothing_of_the_ops_side(options: Options):
    text = contents.web_env(options)
    for path in (options.places.ops_etc, options.places.ops_state):
        assert f"{path}/" not in text
    assert "PREFECT_PASSWORD" not in text
    assert "prodops_ops" not in text


def test_an_ipv6_address_is_written_as_a_url_and_a_password_file_take_it(options: Options):
    there = replace(options, database_host="2001:db8::1")
    assert "@[2001:db8::1]:5432/prodops" in contents.ops_env(there)
    line = contents.passfile_line(there, "prodops", "prodops_ops", "x")
    assert line == r"2001\:db8\:\:1:5432:prodops:prodops_ops:x" + "\n"
