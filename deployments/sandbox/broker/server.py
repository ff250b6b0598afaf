"""ActiveMQ as a part of the stack: its files, and its process."""

from __future__ import annotations

import os
import secrets
from typing import NoReturn

from deployments.sandbox.broker import configuration
from deployments.sandbox.broker.access import USERS, broker_home, login_file, password
from deployments.sandbox.broker.programs import require_programs
from deployments.sandbox.files import private_text, remove_unfinished, write_private
from deployments.sandbox.grid.access import certificates_of
from deployments.sandbox.grid.certificates import Certificates
from deployments.stack.layout import private_directory
from flows.common.settings import Settings


def prepare(settings: Settings) -> None:
    """Write the configuration; passwords, certificates and messages that are there stay."""
    home = broker_home(settings)
    home.mkdir(mode=0o700, parents=True, exist_ok=True)
    private_directory(home)
    remove_unfinished(home)
    key_store_password = secrets.token_urlsafe(24)
    written = configuration.files(
        _passwords(settings),
        port=settings.sandbox.broker_port,
        tls_port=settings.sandbox.broker_tls_port,
        key_store_password=key_store_password,
    )
    for name, text in written.items():
        write_private(home / name, text)
    certificates = Certificates(certificates_of(settings))
    certificates.make()
    store = configuration.key_store(certificates.host, certificates.host_key, key_store_password)
    write_private(home / configuration.KEY_STORE, store)


def environment(settings: Settings) -> dict[str, str]:
    """The whole environment of the broker's process."""
    home = os.fspath(broker_home(settings))
    return {"PATH": "/usr/bin:/bin", "HOME": home, "LC_ALL": "C.UTF-8"}


def run(settings: Settings) -> NoReturn:
    """Write the configuration, then become the broker (SIGTERM stops it).

    Raises:
        BrokerNotInstalled: ActiveMQ or Java is not installed.
    """
    argv = configuration.command(require_programs("the sandbox's message broker"))
    prepare(settings)
    os.chdir(broker_home(settings))
    os.execve(argv[0], argv, environment(settings))  # noqa: S606 - no shell is wanted


def _passwords(settings: Settings) -> dict[str, str]:
    for user in USERS:
        private_text(login_file(settings, user), f"{user}:{secrets.token_urlsafe(24)}")
    return {user: password(settings, user) for user in USERS}
