"""What a run of provenance works with: database, PCS and Rucio, each opened once for the run."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from functools import cached_property
from typing import Final
from urllib.parse import urlsplit

from sqlalchemy import Engine

from blocks.pcs_service import PcsService
from blocks.rucio_catalog import RucioCatalog, RucioRegistration
from flows.common.adapters import pcs_service, rucio_access
from flows.common.database import make_engine
from flows.common.requests import Claim, held
from flows.common.settings import Settings, settings

_HERE: Final = ("127.0.0.1", "::1", "localhost")


@dataclass
class Workplace:
    """The run's connections; PCS and Rucio are opened when they are first used."""

    settings: Settings
    engine: Engine
    holder: Claim
    _open: ExitStack = field(default_factory=ExitStack)

    @cached_property
    def pcs(self) -> PcsService:
        """The PCS that is set, or the stack's own."""
        return self._open.enter_context(pcs_service(self.settings))

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
        return self._open.enter_context(
            RucioRegistration(rucio_access(self.settings.rucio_produced))
        )

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
        rucio_access(settings.rucio_produced),
        threads=configured.threads,
        dids_per_call=configured.dids_per_call,
    )


_present: ContextVar[Workplace] = ContextVar("prodops_provenance_workplace")


def workplace() -> Workplace:
    """The present run's."""
    return _present.get()


@contextmanager
def opened() -> Iterator[Workplace]:
    """Open the run's workplace."""
    place = Workplace(settings(), make_engine(pool_size=2), held())
    token = _present.set(place)
    try:
        yield place
    finally:
        _present.reset(token)
        place.close()
