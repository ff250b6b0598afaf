"""The Prefect block of a Rucio server."""

from __future__ import annotations

from prefect.blocks.core import Block

from blocks.rucio_catalog.configuration import RucioConfiguration


class RucioCatalogBlock(RucioConfiguration, Block):
    """A Rucio server, and the identity that prodops has there."""

    _block_type_name = "Rucio catalog"
    _block_type_slug = "rucio-catalog"
    _description = "A Rucio server, and the identity that prodops has there."
