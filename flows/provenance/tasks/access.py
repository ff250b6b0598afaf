"""PCS and Rucio, each opened once for the run, when it is first used."""

from __future__ import annotations

from blocks.pcs_service import PcsService
from blocks.rucio_catalog import RucioCatalog, RucioRegistration
from flows.common import run
from flows.common.adapters import pcs_service, produced_catalog, rucio_access
from flows.common.run import Run


def pcs() -> PcsService:
    """The PCS that is set, or the stack's own."""
    return run.current().adapter(_pcs)


def catalog() -> RucioCatalog:
    """The catalogue of what was produced."""
    return run.current().adapter(_catalog)


def registration() -> RucioRegistration:
    """The same catalogue, to write to."""
    return run.current().adapter(_registration)


def _pcs(present: Run) -> PcsService:
    return pcs_service(present.settings)


def _catalog(present: Run) -> RucioCatalog:
    return produced_catalog(present.settings)


def _registration(present: Run) -> RucioRegistration:
    return RucioRegistration(rucio_access(present.settings.rucio_produced))
