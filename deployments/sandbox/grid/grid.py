"""The sandbox's grid seen from outside: addresses, credentials, and where the bytes are."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import psycopg

from deployments.sandbox.grid import access
from deployments.sandbox.grid.certificates import Certificates
from deployments.sandbox.grid.doors import Door, doors_of, place_of, protocol_of, rse_type
from deployments.sandbox.grid.rucio_api import RucioApi
from deployments.stack.credentials import RUCIO_DATABASE, RUCIO_ROLE, Credentials
from deployments.stack.layout import Layout
from flows.common.settings import Settings


@dataclass(frozen=True)
class Grid:
    """The grid of a stack's settings; it need not run for what only names a place."""

    settings: Settings

    @property
    def url(self) -> str:
        """Where Rucio listens."""
        return access.rucio_url(self.settings)

    @property
    def certificates(self) -> Certificates:
        """The CA, proxies and keys."""
        return Certificates(access.certificates_of(self.settings))

    @property
    def ca_file(self) -> Path:
        """The certificate that signed Rucio's and the doors'."""
        return self.certificates.ca_file

    @property
    def ca_dir(self) -> Path:
        """The same under its hashes, for X509_CERT_DIR."""
        return self.certificates.ca_dir

    @property
    def proxy(self) -> Path:
        """A good proxy of ``panda``, whom Rucio and the guarded door know."""
        return self.certificates.proxy

    @property
    def expired_proxy(self) -> Path:
        """A proxy of ``panda`` whose time is over."""
        return self.certificates.expired_proxy

    @property
    def strangers_proxy(self) -> Path:
        """A good proxy of someone whom neither knows."""
        return self.certificates.strangers_proxy

    @cached_property
    def doors(self) -> dict[str, Door]:
        """The doors by name: ``door`` asks for a proxy, ``door-open`` does not."""
        return doors_of(self.settings)

    def password_file(self, account: str = access.READER) -> Path:
        """The file with the password of ``root``, ``panda`` or ``eicread``."""
        return access.password_file(self.settings, account)

    def environment(self) -> dict[str, str]:
        """The settings by which prodops uses this grid, by their names in the environment."""
        return access.grid_environment(self.settings)

    def door_path(self, rse: str, lfn: str) -> Path:
        """The file at an RSE's door that its PFN names (scopes do not appear in PFNs)."""
        name, folder = place_of(rse)
        return self.doors[name].data / folder / lfn.lstrip("/")

    def pfn(self, rse: str, lfn: str) -> str:
        """The PFN that Rucio gives of a name at an RSE."""
        protocol = protocol_of(rse, self.doors)
        port = f":{protocol['port']}" if protocol["port"] else ""
        place = f"{protocol['scheme']}://{protocol['hostname']}{port}"
        return f"{place}{protocol['prefix']}{lfn}"

    def put(self, rse: str, lfn: str, content: bytes) -> Path:
        """Put a file's bytes at an RSE's door; the catalogue does not know."""
        path = self.door_path(rse, lfn)
        self.doors[place_of(rse)[0]].write(path, content)
        return path

    def api(self, account: str = access.ROOT) -> RucioApi:
        """Rucio's REST API, as one of its accounts; to be closed."""
        password = access.password(self.settings, account)
        return RucioApi(self.url, account=account, password=password, ca_file=self.ca_file)

    def ensure_rse(self, rse: str) -> None:
        """Make an RSE that the catalogue does not know yet."""
        with self.api() as api:
            api.ensure_rse(rse, rse_type=rse_type(rse), protocol=protocol_of(rse, self.doors))

    def connect(self) -> psycopg.Connection[tuple[Any, ...]]:
        """A connection to Rucio's database."""
        credentials = Credentials(Layout(self.settings.stack.state_dir).secrets)
        return psycopg.connect(
            host="127.0.0.1", port=self.settings.database.port, user=RUCIO_ROLE,
            dbname=RUCIO_DATABASE, passfile=str(credentials.rucio), options="-c timezone=UTC",
        )  # fmt: skip
