"""The paths of credentials, which no record shows."""

from __future__ import annotations

from pathlib import Path

import pytest

from deployments.log_table import rows
from deployments.log_table.rows import Source, of_event
from flows.common.credential_paths import PLACEHOLDER, CredentialPaths, paths_of
from flows.common.settings import settings

PROXY = Path("/secret/x509up")


@pytest.fixture
def known(monkeypatch) -> CredentialPaths:
    """What the process knows: one path."""
    found = CredentialPaths()
    found.add([PROXY])
    monkeypatch.setattr(rows, "credential_paths", found)
    return found


def test_the_files_of_credentials_are_known_and_those_of_authorities_are_none(monkeypatch):
    monkeypatch.setenv("PRODOPS_RUCIO_LOGS_PROXY_FILE", str(PROXY))
    monkeypatch.setenv("PRODOPS_BUS_KEY_FILE", "/secret/x509up.key")
    monkeypatch.setenv("PRODOPS_BUS_CA_FILE", "/etc/ca.pem")
    settings.cache_clear()
    paths = [path for group in dict(settings()).values() for path in paths_of(group)]
    assert {PROXY, Path("/secret/x509up.key")} <= set(paths)
    assert Path("/etc/ca.pem") not in paths


def test_a_record_says_that_it_left_a_path_out(known: CredentialPaths):
    event = {"event": "no proxy", "level": "error", "timestamp": "t", "why": str(PROXY)}
    assert of_event(Source(app_name="worker"), event)["message"] == f"no proxy why={PLACEHOLDER}"


def test_the_longest_path_goes_first_whenever_it_came(known: CredentialPaths):
    known.add([Path(f"{PROXY}.key")])
    assert known.without(f"{PROXY}.key {PROXY}") == f"{PLACEHOLDER} {PLACEHOLDER}"


@pytest.mark.parametrize("path", ["/", "."])
def test_what_names_no_file_is_left_in(known: CredentialPaths, path: str):
    known.add([Path(path)])
    assert known.without("the file /srv/logs/1.log.") == "the file /srv/logs/1.log."
