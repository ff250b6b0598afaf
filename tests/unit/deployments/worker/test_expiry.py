"""What is said of credentials: until when they are good, and never where they are."""

from __future__ import annotations

import json
from datetime import datetime, timedelta

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from deployments.worker import expiry
from flows.common.settings import settings
from tests.unit.blocks.x509_proxy.test_proxy import NOW, certificate, private

SOON = NOW + timedelta(hours=3)


@pytest.fixture
def said(monkeypatch, tmp_path):
    """Writes a file, has settings name it, and gives what is said then."""

    def say(name, content=None, mode=0o600, **environment):
        path = tmp_path / name
        if content is not None:
            path.write_bytes(content)
            path.chmod(mode)
        for variable, value in environment.items():
            monkeypatch.setenv(f"PRODOPS_{variable}", value.format(path=path, dir=tmp_path))
        settings.cache_clear()
        rows = expiry.Credentials(settings()).rows()
        assert str(tmp_path) not in json.dumps(rows)
        return rows

    return say


def proxy(ends_at: datetime) -> bytes:
    key = ec.generate_private_key(ec.SECP256R1())
    return certificate(key, "proxy", ends_at) + private(key)


def test_where_nothing_is_set_nothing_is_said(said):
    assert said("none") == []


def test_a_proxy_is_said_with_its_expiry_also_when_that_is_over(said):
    for ends_at, problem in ((SOON, None), (NOW - timedelta(1), "expired at")):
        [row] = said("proxy.pem", proxy(ends_at), RUCIO_LOGS_PROXY_FILE="{path}")
        assert row["not_after"] == ends_at.isoformat()
        assert problem is None or row["problem"].startswith(problem)


def test_a_proxy_that_others_may_read_is_said_to_be(said):
    [row] = said("proxy.pem", proxy(SOON), 0o644, RUCIO_LOGS_PROXY_FILE="{path}")
    assert row["problem"] == "may be read by others (mode 0644): chmod 600"
    assert row["not_after"] is None


def test_a_proxy_that_is_needed_and_not_set_is_missed(said):
    [row] = said("none", RUCIO_LOGS_URL="https://rucio.example.org")
    assert (row["kind"], row["problem"]) == ("x509 proxy of the payload logs", "none is set")


@pytest.mark.parametrize("refreshed", [True, False])
def test_the_token_of_panda_is_said_with_whether_it_is_renewed(said, refreshed):
    token = jwt.encode({"exp": SOON.timestamp(), "name": "a"}, "k" * 32)
    fields = {"id_token": token} | ({"refresh_token": "secret"} if refreshed else {})
    panda = {"PANDA_URL_SSL": "https://panda.example.org", "PANDA_CONFIG_ROOT": "{dir}"}
    [row] = said(".token", json.dumps(fields).encode(), **panda)
    assert row == {
        "kind": "token of PanDA",
        "not_after": SOON.isoformat(),
        "problem": None,
        "is_renewed": refreshed,
    }


@pytest.mark.parametrize("minutes", [9, -30])
def test_a_token_that_was_to_be_renewed_and_was_not_is_a_problem(said, minutes):
    until = (NOW + timedelta(minutes=minutes)).replace(microsecond=0)
    token = jwt.encode({"exp": until.timestamp(), "name": "a"}, "k" * 32)
    fields = json.dumps({"id_token": token, "refresh_token": "secret"}).encode()
    panda = {"PANDA_URL_SSL": "https://panda.example.org", "PANDA_CONFIG_ROOT": "{dir}"}
    [row] = said(".token", fields, **panda, SUBMISSION_TIMEOUT_SECONDS="600")
    assert (row["is_renewed"], row["not_after"]) == (False, until.isoformat())
    assert "was to be renewed" in row["problem"]


def test_a_token_for_rucio_is_said_with_its_end_where_it_names_one(said):
    rucio = {
        "RUCIO_PRODUCED_URL": "https://rucio.example.org",
        "RUCIO_PRODUCED_AUTH_TYPE": "token",
        "RUCIO_PRODUCED_TOKEN_FILE": "{path}",
    }
    token = jwt.encode({"exp": SOON.timestamp()}, "k" * 32).encode()
    [row] = said("rucio.token", token, **rucio)
    assert (row["kind"], row["not_after"], row["problem"]) == (
        "Rucio token of produced data", SOON.isoformat(), None
    )  # fmt: skip
    assert said("rucio.token", b"panda-unknown-1-2-3", **rucio) == []
    [row] = said("rucio.token", b"", **rucio)
    assert row["problem"] == "the file is empty"
    [row] = said("rucio.token", **rucio | {"RUCIO_PRODUCED_TOKEN_FILE": "{dir}/none"})
    assert row["problem"].startswith("cannot be read")


def test_an_absent_token_is_said_without_its_directory(said):
    panda = {"PANDA_URL_SSL": "https://panda.example.org", "PANDA_CONFIG_ROOT": "{dir}/none"}
    [row] = said("none", **panda)
    assert row["problem"].startswith("there is no token")


def test_the_certificate_of_the_bridge_is_said(said):
    key = ec.generate_private_key(ec.SECP256R1())
    bus = {"BUS_HOST": "broker.example.org", "BUS_CERTIFICATE_FILE": "{path}"}
    [row] = said("bridge.pem", certificate(key, "bridge", SOON), **bus)
    assert (row["kind"], row["not_after"]) == ("certificate of the bridge", SOON.isoformat())
    [row] = said("bridge.pem", b"none", **bus)
    assert row["problem"] == "holds no certificate in PEM"
