"""PCS and Rucio, each opened once for the run, when it is first used."""

from __future__ import annotations

from blocks.pcs_service import PcsService
from blocks.rucio_catalog import RucioCatalog, RucioRegistration
from flows.common import adapters, run
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
    return adapters.pcs_service(present.sources)


def _catalog(present: Run) -> RucioCatalog:
    return adapters.produced_catalog(present.settings, present.sources)


def _registration(present: Run) -> RucioRegistration:
    return RucioRegistration(adapters.produced_access(present.sources))
