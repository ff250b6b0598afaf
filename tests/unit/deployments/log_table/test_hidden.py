"""The paths of credentials, which no record shows."""

from __future__ import annotations

from deployments.log_table.hidden import PLACEHOLDER, paths_of_credentials, without
from deployments.log_table.rows import Source, of_event
from flows.common.settings import settings


def test_the_files_of_credentials_are_known_and_those_of_authorities_are_none(monkeypatch):
    monkeypatch.setenv("PRODOPS_RUCIO_LOGS_PROXY_FILE", "/secret/x509up")
    monkeypatch.setenv("PRODOPS_BUS_KEY_FILE", "/secret/x509up.key")
    monkeypatch.setenv("PRODOPS_BUS_CA_FILE", "/etc/ca.pem")
    settings.cache_clear()
    paths = paths_of_credentials(settings())
    assert paths.index("/secret/x509up.key") < paths.index("/secret/x509up")
    assert "/etc/ca.pem" not in paths


def test_a_record_says_that_it_left_a_path_out():
    source = Source(app_name="worker", hidden=("/secret/x509up",))
    event = {
        "event": "no proxy",
        "level": "error",
        "timestamp": "t",
        "why": "/secret/x509up",
    }
    assert of_event(source, event)["message"] == f"no proxy why={PLACEHOLDER}"


def test_the_longest_path_goes_first():
    assert without(("/a/b", "/a"), "/a/b /a") == f"{PLACEHOLDER} {PLACEHOLDER}"
