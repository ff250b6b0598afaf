"""How code reaches the sandbox's grid: addresses, and the settings that lead there."""

from __future__ import annotations

import os
from pathlib import Path

from deployments.sandbox.grid.programs import has_doors
from deployments.stack.layout import Layout
from flows.common.settings import Settings

RUCIO_HOST = "localhost"
ROOT, PANDA, READER = "root", "panda", "eicread"
ACCOUNTS = (ROOT, PANDA, READER)


def rucio_url(settings: Settings) -> str:
    """Where the sandbox's Rucio listens."""
    return f"https://{RUCIO_HOST}:{settings.sandbox.rucio_port}"


def rucio_home(settings: Settings) -> Path:
    """RUCIO_HOME of the sandbox's Rucio."""
    return Layout(settings.stack.state_dir).sandbox("rucio")


def rucio_ca(settings: Settings) -> Path:
    """The certificate that signed the sandbox's Rucio's."""
    return certificates_of(settings) / "ca" / "ca.pem"


def certificates_of(settings: Settings) -> Path:
    """The directory of the grid's certificates."""
    return Layout(settings.stack.state_dir).sandbox("certificates")


def password_file(settings: Settings, account: str) -> Path:
    """The file (mode 0600) with a Rucio account's password; its user name is the account's."""
    return rucio_home(settings) / f"{account}.password"


def password(settings: Settings, account: str) -> str:
    """A Rucio account's password."""
    return password_file(settings, account).read_text().strip()


def door_urls(settings: Settings) -> dict[str, str]:
    """Where the doors listen, by name."""
    ports = {"door": settings.sandbox.door_port, "door-open": settings.sandbox.door_open_port}
    return {name: f"root://localhost:{port}" for name, port in ports.items()}


def grid_environment(settings: Settings) -> dict[str, str]:
    """The settings by which the ops side uses the sandbox's Rucio and doors."""
    url, ca_file = rucio_url(settings), os.fspath(rucio_ca(settings))
    certificates = certificates_of(settings)
    evgen = {
        "PRODOPS_PROVENANCE_EVGEN_RSE": "EIC-XRD",
        "PRODOPS_PROVENANCE_EVGEN_URL": f"{door_urls(settings)['door-open']}//eic/",
    }
    return (evgen if has_doors(settings) else {}) | {
        "PRODOPS_RUCIO_LOGS_URL": url,
        "PRODOPS_RUCIO_LOGS_AUTH_TYPE": "x509_proxy",
        "PRODOPS_RUCIO_LOGS_ACCOUNT": PANDA,
        "PRODOPS_RUCIO_LOGS_VO": "",
        "PRODOPS_RUCIO_LOGS_PROXY_FILE": os.fspath(certificates / "proxy-panda.pem"),
        "PRODOPS_RUCIO_LOGS_CA_FILE": ca_file,
        "PRODOPS_RUCIO_PRODUCED_URL": url,
        "PRODOPS_RUCIO_PRODUCED_AUTH_TYPE": "userpass",
        "PRODOPS_RUCIO_PRODUCED_ACCOUNT": READER,
        "PRODOPS_RUCIO_PRODUCED_USERNAME": READER,
        "PRODOPS_RUCIO_PRODUCED_PASSWORD_FILE": os.fspath(password_file(settings, READER)),
        "PRODOPS_RUCIO_PRODUCED_CA_FILE": ca_file,
        "PRODOPS_XROOTD_CA_DIR": os.fspath(certificates / "ca"),
        "PRODOPS_XROOTD_SCHEMES": "root,roots,file",
    }
