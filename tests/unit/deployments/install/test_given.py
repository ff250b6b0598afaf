"""A second run knows what the first one was told."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from deployments.install.given import options_of
from deployments.install.manifest import Manifest
from deployments.install.options import Options
from flows.common.settings import BadSetting


def test_a_first_run_takes_down_where_the_database_is(tmp_path: Path):
    found = options_of(tmp_path, {"ops_user": None})
    assert (found.ops_user, found.database_host, found.database_port) == (
        "prodops", "127.0.0.1", 5432,
    )  # fmt: skip
    found = options_of(tmp_path, {"superuser_url": "postgresql://postgres@db.example.org:5433/"})
    assert (found.database_host, found.database_port) == ("db.example.org", 5433)


def test_a_later_run_has_the_options_of_the_first(options: Options):
    options.places.etc.mkdir(parents=True)
    Manifest(options.places.manifest, replace(options, root_path="/swf-monitor")).save()
    nothing = dict.fromkeys(("ops_user", "web_user", "root_path", "parts"))
    assert options_of(options.prefix, nothing).root_path == "/swf-monitor"
    assert options_of(options.prefix, {"parts": ("api",)}).parts == ("api",)
    with pytest.raises(BadSetting, match="--root-path /x: this installation has '/swf-monitor'"):
        options_of(options.prefix, {"root_path": "/x"})


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("postgresql://postgres:secret@db/postgres", "holds a password"),
        ("mysql://db", "--database-url"),
        ("postgresql://db:port/x", "--database-url"),
    ],
)
def test_a_url_that_cannot_be_used_is_refused_without_its_password(tmp_path, url, words):
    with pytest.raises(BadSetting, match=words) as refused:
        options_of(tmp_path, {"superuser_url": url})
    assert "secret" not in str(refused.value)


@pytest.mark.parametrize("path", ["x", "/x/", "/a\nb"])
def test_a_root_path_that_cannot_be_used_is_refused(tmp_path, path):
    with pytest.raises(BadSetting, match="--root-path"):
        options_of(tmp_path, {"root_path": path})


def test_another_server_than_the_installations_is_refused(options: Options):
    """Databases of the same name there are somebody else's."""
    options.places.etc.mkdir(parents=True)
    Manifest(options.places.manifest, options).save()
    elsewhere = {"superuser_url": "postgresql://postgres@db.example.org/"}
    with pytest.raises(BadSetting, match=r"this installation's database is at 127.0.0.1:5432"):
        options_of(options.prefix, elsewhere)


def test_the_way_in_of_the_superuser_is_remembered(options: Options, tmp_path: Path):
    options.places.etc.mkdir(parents=True)
    kept = replace(options, superuser_passfile=tmp_path / "passfile")
    Manifest(options.places.manifest, kept).save()
    assert options_of(options.prefix, {}) == kept
