"""What a run of provenance works with: database, PCS and Rucio, each opened once for the run."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Final, cast
from urllib.parse import urlsplit

from sqlalchemy import Engine

from blocks.pcs_service import PcsService
from blocks.rucio_catalog import AuthType, RucioAccess, RucioCatalog, RucioRegistration
from flows.common.database import make_engine
from flows.common.requests import Holder, holder
from flows.common.settings import BadSetting, Settings, settings

_HERE: Final = ("127.0.0.1", "::1", "localhost")


@dataclass
class Workplace:
    """The run's connections; PCS and Rucio are opened when they are first used."""

    settings: Settings
    engine: Engine
    holder: Holder
    _open: ExitStack = field(default_factory=ExitStack)

    @cached_property
    def pcs(self) -> PcsService:
        """The PCS that is set, or the stack's own."""
        configured = self.settings.pcs
        service = PcsService(
            configured.url or self.settings.api.monitor_url,
            token=_secret(configured.token_file, "PRODOPS_PCS_TOKEN_FILE"),
            timeout_seconds=configured.timeout_seconds,
        )
        return self._open.enter_context(service)

    @property
    def is_pcs_embedded(self) -> bool:
        """Whether the PCS is the stack's own, which sees our tables."""
        api, pcs_url = self.settings.api, self.settings.pcs.url
        if pcs_url is None:
            return True
        address = urlsplit(pcs_url)
        return address.port == api.port and address.hostname in {api.host, *_HERE}

    @cached_property
    def catalog(self) -> RucioCatalog:
        """The catalogue of what was produced."""
        return self._open.enter_context(catalog_of(self.settings))

    @cached_property
    def registration(self) -> RucioRegistration:
        """The same catalogue, to write to."""
        return self._open.enter_context(RucioRegistration(rucio_access(self.settings)))

    def close(self) -> None:
        """Close what was opened."""
        self._open.close()
        self.engine.dispose()


def catalog_of(settings: Settings) -> RucioCatalog:
    """The catalogue of what was produced, to read.

    Raises:
        BadSetting: None is set.
    """
    configured = settings.provenance
    return RucioCatalog(
        rucio_access(settings),
        threads=configured.threads,
        dids_per_call=configured.dids_per_call,
    )


def rucio_access(settings: Settings) -> RucioAccess:
    """Where that catalogue is, and who we are there.

    Raises:
        BadSetting: None is set.
    """
    configured = settings.rucio_produced
    if configured.url is None:
        raise BadSetting("setting PRODOPS_RUCIO_PRODUCED_URL: no Rucio is set to be asked")
    return RucioAccess(
        url=configured.url,
        account=configured.account,
        auth_type=cast("AuthType", configured.auth_type),
        vo=configured.vo or None,
        proxy_file=configured.proxy_file,
        username=configured.username,
        password_file=configured.password_file,
        token_file=configured.token_file,
        ca_file=configured.ca_file,
        timeout_seconds=configured.timeout_seconds,
    )


_present: ContextVar[Workplace] = ContextVar("prodops_provenance_workplace")


def workplace() -> Workplace:
    """The present run's."""
    return _present.get()


@contextmanager
def opened() -> Iterator[Workplace]:
    """Open the run's workplace."""
    place = Workplace(settings(), make_engine(pool_size=2), holder())
    token = _present.set(place)
    try:
        yield place
    finally:
        _present.reset(token)
        place.close()


def _secret(path: Path | None, setting: str) -> str | None:
    if path is None:
        return None
    try:
        return path.read_text().strip()
    except OSError as error:
        raise BadSetting(f"setting {setting}: {error}") from error
