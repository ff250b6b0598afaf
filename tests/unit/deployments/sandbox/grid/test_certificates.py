"""The grid's certificates: what they say, who may read them, when they are renewed."""

from __future__ import annotations

import shutil
import subprocess
from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509

from deployments.sandbox.grid.certificates import Certificates, subject_of
from deployments.sandbox.grid.openssl_names import hash_links


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    certificates = Certificates(tmp_path_factory.mktemp("grid") / "certificates")
    certificates.make()
    return certificates


def first(path):
    return x509.load_pem_x509_certificate(path.read_bytes())


def test_a_proxy_names_its_user_and_one_number_more(made):
    chain = x509.load_pem_x509_certificates(made.proxy.read_bytes())
    *owner, number = chain[0].subject
    assert x509.Name(owner) == chain[1].subject == chain[0].issuer
    assert str(number.value).isdecimal()
    assert b"PRIVATE KEY" in made.proxy.read_bytes()


def test_the_three_proxies_are_good_over_and_of_a_stranger(made):
    now = datetime.now(UTC)
    assert first(made.proxy).not_valid_after_utc > now + timedelta(days=5)
    assert first(made.expired_proxy).not_valid_after_utc < now
    assert first(made.strangers_proxy).issuer != first(made.proxy).issuer


def test_only_their_owner_reads_keys_and_proxies(made):
    assert made.directory.stat().st_mode & 0o777 == 0o700
    private = [*made.directory.glob("*.key"), *made.directory.glob("proxy-*.pem")]
    assert len(private) == 6
    assert {path.stat().st_mode & 0o777 for path in private} == {0o600}


def test_making_again_keeps_all_and_renews_a_proxy_that_ends_soon(made):
    before = (made.ca_file.read_bytes(), made.proxy.read_bytes())
    made.make()
    assert (made.ca_file.read_bytes(), made.proxy.read_bytes()) == before
    made.make_proxy(made.proxy, life=timedelta(hours=1))
    made.make()
    assert first(made.proxy).not_valid_after_utc > datetime.now(UTC) + timedelta(days=5)
    assert made.ca_file.read_bytes() == before[0]


@pytest.mark.skipif(shutil.which("openssl") is None, reason="openssl is not installed")
@pytest.mark.parametrize("name", ["host.pem", "user-panda.pem", "proxy-panda.pem"])
def test_all_pass_the_strict_form(made, name):
    """Python 3.13 wants it."""
    command = ["openssl", "verify", "-x509_strict", "-allow_proxy_certs", "-CAfile", made.ca_file]
    chain = ["-untrusted", made.directory / "user-panda.pem", made.directory / name]
    subprocess.run([*command, *chain], check=True, capture_output=True)


@pytest.mark.skipif(shutil.which("openssl") is None, reason="openssl is not installed")
@pytest.mark.parametrize("option", ["-subject_hash", "-subject_hash_old"])
def test_the_ca_is_filed_under_the_names_that_openssl_looks_for(made, option):
    said = subprocess.check_output(["openssl", "x509", "-noout", option, "-in", made.ca_file])
    assert (made.ca_dir / f"{said.decode().strip()}.0").read_bytes() == made.ca_file.read_bytes()


def test_a_signing_policy_stands_beside_each(made):
    links = {path.stem for path in made.ca_dir.glob("*.0")}
    policies = {path.stem: path.read_text() for path in made.ca_dir.glob("*.signing_policy")}
    assert set(policies) == links
    assert all(subject_of("*") in text for text in policies.values())


def test_a_name_whose_hash_is_not_known_is_refused():
    name = x509.Name([x509.NameAttribute(x509.NameOID.COUNTRY_NAME, "CH")])
    with pytest.raises(ValueError, match="no hash is known of C=CH"):
        hash_links(name)
