"""What a fetch works with: database, PanDA, Rucio, doors, its time; each opened when first used."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Final

from sqlalchemy import Engine

from blocks.panda_server import PandaServer
from blocks.rucio_catalog import RucioCatalog
from blocks.x509_proxy import good_proxy
from blocks.xrootd_storage import XrootdAccess, XrootdLimits
from flows.common import adapters
from flows.common.adapters import door_access, door_limits, rucio_access
from flows.common.database import make_engine
from flows.common.requests import Claim, held
from flows.common.settings import BadSetting, Settings, settings
from flows.payload_logs import archive
from flows.payload_logs.errors import FetchTimedOut

_TOKEN_MARGIN_SECONDS: Final = 60.0


@dataclass
class Workplace:
    """The run's connections, and how long it has."""

    settings: Settings
    engine: Engine
    holder: Claim
    _begun: float = field(default_factory=time.monotonic)
    _open: ExitStack = field(default_factory=ExitStack)

    def remaining(self) -> float:
        """Seconds that are left for the whole fetch.

        Raises:
            FetchTimedOut: None are.
        """
        longest = self.settings.payload_logs.timeout_seconds
        if (left := longest - self.elapsed()) <= 0:
            raise FetchTimedOut(longest)
        return left

    def elapsed(self) -> float:
        """Seconds since the fetch began."""
        return time.monotonic() - self._begun

    def tick(self) -> None:
        """Go on only while there is time.

        Raises:
            FetchTimedOut: There is none.
        """
        self.remaining()

    @cached_property
    def panda(self) -> PandaServer:
        """The PanDA server.

        Raises:
            BadSetting: None is set.
        """
        configured = self.settings.panda
        tokens = adapters.token_source(configured, margin_seconds=_TOKEN_MARGIN_SECONDS)
        server = adapters.panda_server(
            configured, lambda: tokens.identity().token, timeout_seconds=self.remaining()
        )
        return self._open.enter_context(server)

    @cached_property
    def catalog(self) -> RucioCatalog:
        """The Rucio that knows PanDA's logs.

        Raises:
            BadSetting: None is set.
        """
        access = rucio_access(self.settings.rucio_logs, timeout_seconds=self.remaining())
        return self._open.enter_context(RucioCatalog(access, threads=1))

    def check_proxy(self) -> None:
        """Look at the proxy before anybody is asked: a refusal later would not say what is wrong.

        Raises:
            ProxyUnusable: It is absent, expired or unreadable.
            BadSetting: None is set, and Rucio wants one.
        """
        configured = self.settings.rucio_logs
        if configured.proxy_file is not None:
            good_proxy(configured.proxy_file)
        elif configured.auth_type == "x509_proxy":
            raise BadSetting("setting PRODOPS_RUCIO_LOGS_PROXY_FILE: no x509 proxy is set")

    @property
    def storage(self) -> XrootdAccess:
        """As whom the doors are spoken to."""
        return door_access(self.settings.xrootd, self.settings.rucio_logs.proxy_file)

    @property
    def storage_limits(self) -> XrootdLimits:
        """How long a door may take now."""
        return door_limits(self.settings.xrootd, seconds=self.remaining())

    @property
    def archive_limits(self) -> archive.Limits:
        """What is kept of an archive."""
        configured = self.settings.payload_logs
        return archive.Limits(
            names=configured.members,
            max_member_bytes=configured.max_member_bytes,
            max_total_bytes=configured.max_total_bytes,
            max_members=configured.max_members,
        )

    @property
    def private_root(self) -> Path:
        """Where archives are copied to."""
        return self.settings.stack.state_dir / "payload-logs"

    def close(self) -> None:
        """Close what was opened."""
        self._open.close()
        self.engine.dispose()


_present: ContextVar[Workplace] = ContextVar("prodops_payload_logs_workplace")


def workplace() -> Workplace:
    """The present run's."""
    return _present.get()


@contextmanager
def opened() -> Iterator[Workplace]:
    """Open the run's workplace."""
    place = Workplace(settings(), make_engine(pool_size=1), held())
    token = _present.set(place)
    try:
        yield place
    finally:
        _present.reset(token)
        place.close()
