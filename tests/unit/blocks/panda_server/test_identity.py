"""Whose token it is, which tokens a VO takes, and the bound on prun's output."""

from __future__ import annotations

import time
from typing import Any

import jwt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from blocks.panda_server import TokenRefused, UnsafePath, prun_environment
from blocks.panda_server.bounded_output import BoundedOutput
from blocks.panda_server.identity import Identity
from blocks.panda_server.issuer import AuthConfig
from blocks.panda_server.tokens import renewal

KEY = "a key for tests that is long enough for HS256"
CONFIG = AuthConfig(
    oidc_config_url="https://iam.example/.well-known/openid-configuration",
    client_id="client-1",
    client_secret="hidden-secret",
    audience="https://panda.example",
)


def token(**claims: Any) -> str:
    return jwt.encode({"exp": time.time() + 3600, **claims}, KEY, "HS256")


def test_a_name_is_written_as_panda_stores_it():
    identity = Identity.of(token(name="  maria dEL  carmen ", preferred_username="mdc"))
    assert (identity.name, identity.preferred_username) == ("Maria Del Carmen", "mdc")


def test_a_token_without_name_goes_by_its_username_or_subject():
    assert Identity.of(token(preferred_username="robot")).name == "Robot"
    assert Identity.of(token(sub="abc-1")).name == "Abc-1"


def test_an_identity_never_shows_its_token():
    identity = Identity.of(token(name="A"))
    assert identity.token not in f"{identity} {identity!r}"


@pytest.mark.parametrize(
    "text",
    ["", "no token", "a.b.c", jwt.encode({"name": "A"}, KEY), jwt.encode({"exp": "x"}, KEY),
     jwt.encode({"exp": 1e300}, KEY)],
)  # fmt: skip
def test_what_is_no_token_with_an_expiry_is_refused(text: str):
    with pytest.raises(TokenRefused, match="no JWT with a time of expiry"):
        Identity.of(text)


def test_a_missing_group_is_refused_and_named():
    identity = Identity.of(token(name="A", groups=["EIC", "EIC/pilot"]))
    identity.require_group("EIC/pilot")
    with pytest.raises(TokenRefused, match=r"EIC/production, only in: EIC, EIC/pilot"):
        identity.require_group("EIC/production")


@pytest.mark.parametrize(
    ("claims", "foreignness"),
    [
        ({"iss": "https://iam.example/", "aud": "https://panda.example"}, None),
        ({"iss": "https://IAM.example/", "aud": ["client-1", "other"]}, None),
        ({}, None),
        ({"iss": "https://elsewhere.example/"}, "it is of elsewhere.example"),
        ({"iss": "https://iam.example/", "aud": "rucio"}, "it is for rucio"),
    ],
)
def test_a_token_of_another_issuer_or_audience_is_foreign(claims, foreignness):
    found = CONFIG.foreignness(Identity.of(token(**claims)))
    assert (found or "").startswith(foreignness or "")
    assert (found is None) is (foreignness is None)


def test_a_configuration_never_shows_its_secret():
    assert "hidden-secret" not in f"{CONFIG} {CONFIG!r}"


def test_the_command_that_renews_is_safe_for_a_shell(tmp_path):
    text = renewal(tmp_path / "it's here", "https://panda.example/server/panda", "EIC.production")
    assert "PANDA_AUTH_VO=EIC.production" in text
    assert "PANDA_URL_SSL=https://panda.example " in text
    assert "'\"'\"'" in text


@given(st.lists(st.binary(max_size=40)), st.integers(1, 30), st.integers(1, 30))
def test_output_within_the_bound_is_whole_and_beyond_it_keeps_both_ends(chunks, first, last):
    output = BoundedOutput(first_bytes=first, last_bytes=last)
    for chunk in chunks:
        output.add(chunk)
    whole = b"".join(chunks)
    excess = len(whole) - first - last
    gap = f"\n[{excess} bytes left out]\n".encode() if excess > 0 else b""
    middle_end = max(len(whole) - last, first)
    kept = whole[:first] + gap + whole[middle_end if excess > 0 else first :]
    assert output.text() == kept.decode(errors="replace")


def test_an_address_without_path_gets_the_one_that_prun_needs(tmp_path):
    given_path = "https://panda.example/server/panda"
    environment = prun_environment(
        token="t", url_ssl="http://panda.example:80", auth_vo="EIC.production",
        private_dir=tmp_path, cache_url=given_path,
    )  # fmt: skip
    assert environment["PANDA_URL_SSL"] == "http://panda.example:80/server/panda"
    assert environment["PANDACACHE_URL"] == given_path
    assert environment["HOME"] == environment["PANDA_CONFIG_ROOT"] == str(tmp_path)


def test_what_is_kept_changes_nothing_of_ours(tmp_path):
    kept = {"PATH": "/evil", "PRODOPS_MARK": "run-1"}
    environment = prun_environment(
        token="t", url_ssl="https://p", auth_vo="EIC", private_dir=tmp_path, keep=kept
    )
    assert environment["PATH"] != "/evil"
    assert environment["PRODOPS_MARK"] == "run-1"


def test_a_client_in_a_path_that_a_shell_would_read_is_refused(tmp_path):
    directory = tmp_path / "panda client"
    for name in ("bin/prun", "etc/panda/share/functions.sh"):
        path = directory / name
        path.parent.mkdir(parents=True)
        path.touch()
    with pytest.raises(UnsafePath, match="panda client"):
        prun_environment(
            token="t", url_ssl="https://p", auth_vo="EIC", private_dir=tmp_path,
            client_dir=directory,
        )  # fmt: skip
