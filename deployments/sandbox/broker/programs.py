"""ActiveMQ and Java: where the system has them, their version, and what installs them."""

from __future__ import annotations

import re
import shutil
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from flows.common.settings import BadSetting

ACTIVEMQ_HOME: Final = Path("/usr/share/activemq")
"""Where Debian's package `activemq` puts the broker."""

INSTALL: Final = (
    "Debian has it as activemq: run `apt-get install --no-install-recommends activemq` "
    "or deployments/system-packages.sh as root"
)
_VERSION = re.compile(rb"^Implementation-Version: (\S+)", re.MULTILINE)


class BrokerNotInstalled(BadSetting):
    """ActiveMQ or Java is not installed."""


@dataclass(frozen=True)
class Programs:
    """What starts a broker."""

    java: Path
    launcher: Path


def find_programs() -> Programs | None:
    """The programs, where both are installed."""
    java, launcher = shutil.which("java"), ACTIVEMQ_HOME / "bin" / "activemq.jar"
    return Programs(Path(java), launcher) if java and launcher.is_file() else None


def require_programs(wanted_by: str) -> Programs:
    """The programs, which `wanted_by` asks for.

    Raises:
        BrokerNotInstalled: They are not installed.
    """
    found = find_programs()
    if found is None:
        raise BrokerNotInstalled(f"{wanted_by}: ActiveMQ is not installed; {INSTALL}")
    return found


def version_of_broker() -> str | None:
    """The version of the ActiveMQ that is installed, from its library's manifest."""
    try:
        with zipfile.ZipFile(ACTIVEMQ_HOME / "lib" / "activemq-broker.jar") as library:
            found = _VERSION.search(library.read("META-INF/MANIFEST.MF"))
    except (OSError, KeyError, zipfile.BadZipFile):
        return None
    return found[1].decode() if found else None
