"""What ActiveMQ is configured with. All paths are relative to its directory, so none is quoted."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    load_pem_private_key,
    pkcs12,
)
from cryptography.x509 import load_pem_x509_certificate

from deployments.sandbox.broker.programs import ACTIVEMQ_HOME, Programs

CONFIGURATION: Final = "activemq.xml"
KEY_STORE: Final = "host.p12"
_GROUP: Final = "members"
# A dead letter queue for each destination, as Artemis is usually set up; no JMX, no web console.
_XML: Final = """\
<beans xmlns="http://www.springframework.org/schema/beans"
       xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"
       xsi:schemaLocation="http://www.springframework.org/schema/beans
                           http://www.springframework.org/schema/beans/spring-beans.xsd
                           http://activemq.apache.org/schema/core
                           http://activemq.apache.org/schema/core/activemq-core.xsd">
  <broker xmlns="http://activemq.apache.org/schema/core" brokerName="sandbox"
          dataDirectory="data" useJmx="false" schedulerSupport="false">
    <destinationPolicy><policyMap><policyEntries>
      <policyEntry queue="&gt;"><deadLetterStrategy>
        <individualDeadLetterStrategy queuePrefix="DLQ."/>
      </deadLetterStrategy></policyEntry>
      <policyEntry topic="&gt;"><deadLetterStrategy>
        <individualDeadLetterStrategy topicPrefix="DLQ."/>
      </deadLetterStrategy></policyEntry>
    </policyEntries></policyMap></destinationPolicy>
    <persistenceAdapter>
      <kahaDB directory="data/kahadb" journalMaxFileLength="8mb" indexCacheSize="1000"/>
    </persistenceAdapter>
    <plugins><jaasAuthenticationPlugin configuration="broker"/></plugins>
    <sslContext>
      <sslContext keyStore="file:{key_store}" keyStoreType="PKCS12"
                  keyStorePassword="{key_store_password}"/>
    </sslContext>
    <systemUsage><systemUsage>
      <memoryUsage><memoryUsage limit="64mb"/></memoryUsage>
      <storeUsage><storeUsage limit="1gb"/></storeUsage>
      <tempUsage><tempUsage limit="256mb"/></tempUsage>
    </systemUsage></systemUsage>
    <transportConnectors>
      <transportConnector name="stomp" uri="stomp://127.0.0.1:{port}?{options}"/>
      <transportConnector name="stomp-tls" uri="stomp+ssl://127.0.0.1:{tls_port}?{options}"/>
    </transportConnectors>
  </broker>
</beans>
"""
# Not `stomp+nio`, which of 60 refused connections closed 10 before the ERROR frame was out.
# A peer that promised a heart-beat is cut off after 1.5 times that.
_CONNECTOR_OPTIONS: Final = "transport.hbGracePeriodMultiplier=1.5"
_LOGIN: Final = """\
broker {
  org.apache.activemq.jaas.PropertiesLoginModule required
    org.apache.activemq.jaas.properties.user="users.properties"
    org.apache.activemq.jaas.properties.group="groups.properties";
};
"""
# Debian's ActiveMQ logs by log4j 1.2, which does not read the log4j2.properties that it ships.
_LOG: Final = """\
log4j.rootLogger=INFO, console
log4j.logger.org.springframework=WARN
log4j.logger.org.apache.activemq.xbean=WARN
log4j.appender.console=org.apache.log4j.ConsoleAppender
log4j.appender.console.layout=org.apache.log4j.PatternLayout
log4j.appender.console.layout.ConversionPattern=%d{ISO8601} %-5p %c{1}: %m%n
"""
_JVM: Final = (
    "-Xms16m", "-Xmx128m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-XX:-UsePerfData",
    "-XX:+ExitOnOutOfMemoryError",
)  # fmt: skip
_OPENED: Final = (
    "java.lang", "java.util", "java.net", "java.util.concurrent", "java.util.concurrent.atomic",
)  # fmt: skip


def files(
    passwords: Mapping[str, str], *, port: int, tls_port: int, key_store_password: str
) -> dict[str, str]:
    """The files of the configuration, by name; some hold passwords.

    Args:
        passwords: Passwords of the users, by name, in characters that need no escape.
        port: Port of the STOMP connector, on loopback.
        tls_port: Port of the STOMP connector with TLS, on loopback.
        key_store_password: What opens the key store.
    """
    return {
        CONFIGURATION: _XML.format(
            port=port, tls_port=tls_port, options=_CONNECTOR_OPTIONS,
            key_store=KEY_STORE, key_store_password=key_store_password,
        ),
        "users.properties": "".join(f"{name}={text}\n" for name, text in passwords.items()),
        "groups.properties": f"{_GROUP}={','.join(passwords)}\n",
        "login.config": _LOGIN,
        "log4j.properties": _LOG,
    }  # fmt: skip


def key_store(certificate: Path, key: Path, password: str) -> bytes:
    """The host's certificate and key as Java reads them: PKCS#12, encrypted."""
    private = load_pem_private_key(key.read_bytes(), None)
    if not isinstance(private, rsa.RSAPrivateKey):
        raise TypeError(f"{key} holds no RSA key")
    return pkcs12.serialize_key_and_certificates(
        b"host",
        private,
        load_pem_x509_certificate(certificate.read_bytes()),
        None,
        BestAvailableEncryption(password.encode()),
    )


def command(programs: Programs) -> list[str]:
    """The argument vector of a broker in the foreground, whose directory is the current one."""
    opened = [f"--add-opens=java.base/{package}=ALL-UNNAMED" for package in _OPENED]
    properties = {
        "user.timezone": "UTC",
        "java.security.auth.login.config": "login.config",
        "activemq.home": ACTIVEMQ_HOME,
        "activemq.base": ".",
        "activemq.conf": ".",
        "activemq.data": "data",
        "activemq.classpath": ".;",
    }
    given = [f"-D{name}={value}" for name, value in properties.items()]
    started = ["-jar", os.fspath(programs.launcher), "start", f"xbean:file:{CONFIGURATION}"]
    return [os.fspath(programs.java), *_JVM, *opened, *given, *started]
