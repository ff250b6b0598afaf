"""How code reaches the sandbox's message broker: address, users, and who signed its certificate."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

from blocks.message_broker.access import read_login
from deployments.sandbox.grid.access import rucio_ca
from deployments.stack.layout import Layout
from flows.common.settings import Settings

HOST: Final = "127.0.0.1"
OPS_USER: Final = "prodops"
AGENT_USER: Final = "agent"
USERS: Final = (OPS_USER, AGENT_USER)


def broker_home(settings: Settings) -> Path:
    """The broker's configuration, and in ``data`` its messages and durable subscriptions."""
    return Layout(settings.stack.state_dir).sandbox("broker")


def broker_ca(settings: Settings) -> Path:
    """The certificate that signed the broker's, which is for `localhost` and 127.0.0.1."""
    return rucio_ca(settings)  # the sandbox has one authority


def login_file(settings: Settings, user: str) -> Path:
    """The file (mode 0600) with a user's name and password, as `user:password`."""
    return Layout(settings.stack.state_dir).secrets / f"broker-{user}.login"


def password(settings: Settings, user: str) -> str:
    """A user's password."""
    return read_login(login_file(settings, user)).password


def broker_environment(settings: Settings, user: str = OPS_USER) -> dict[str, str]:
    """The settings by which a user, by default the ops side, reaches the sandbox's broker."""
    return {
        "PRODOPS_BUS_HOST": HOST,
        "PRODOPS_BUS_PORT": str(settings.sandbox.broker_port),
        "PRODOPS_BUS_LOGIN_FILE": os.fspath(login_file(settings, user)),
    }
