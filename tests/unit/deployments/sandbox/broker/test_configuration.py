"""The configuration of the sandbox's message broker."""

from __future__ import annotations

from pathlib import Path
from xml.etree import ElementTree as ET

import pytest
from cryptography.hazmat.primitives.serialization import pkcs12

from deployments.sandbox.broker import configuration
from deployments.sandbox.broker.programs import Programs
from deployments.sandbox.grid.certificates import Certificates

PASSWORDS = {"prodops": "one", "agent": "two"}
AMQ = "{http://activemq.apache.org/schema/core}"


@pytest.fixture
def files() -> dict[str, str]:
    return configuration.files(PASSWORDS, port=1613, tls_port=1614, key_store_password="key")


def test_each_connector_is_on_loopback_and_speaks_stomp(files):
    root = ET.fromstring(files[configuration.CONFIGURATION])
    connectors = [
        each.get("uri").partition("?")[0] for each in root.iter(f"{AMQ}transportConnector")
    ]
    assert connectors == ["stomp://127.0.0.1:1613", "stomp+ssl://127.0.0.1:1614"]


def test_nobody_manages_it_from_outside_and_nobody_is_let_in_without_a_password(files):
    root = ET.fromstring(files[configuration.CONFIGURATION])
    (broker,) = root.iter(f"{AMQ}broker")
    assert broker.get("useJmx") == "false"
    assert root.find(f".//{AMQ}jaasAuthenticationPlugin").get("configuration") == "broker"


def test_users_and_their_group_are_in_files(files):
    assert files["users.properties"] == "prodops=one\nagent=two\n"
    assert files["groups.properties"] == "members=prodops,agent\n"


def test_the_command_holds_no_password_and_no_path_of_the_broker_s_own():
    programs = Programs(Path("/usr/bin/java"), Path("/jar"))
    command = configuration.command(programs)
    assert command[0] == "/usr/bin/java"
    assert command[-4:] == ["-jar", "/jar", "start", "xbean:file:activemq.xml"]
    assert "-Dactivemq.base=." in command


def test_the_key_store_holds_the_host_s_certificate_and_key(tmp_path):
    made = Certificates(tmp_path)
    made.make()
    content = configuration.key_store(made.host, made.host_key, "secret")
    key, certificate, _ = pkcs12.load_key_and_certificates(content, b"secret")
    assert certificate.public_key() == key.public_key()
    with pytest.raises(ValueError, match="password"):
        pkcs12.load_key_and_certificates(content, b"another")
