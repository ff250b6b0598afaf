"""The Prefect block of a PCS."""

from __future__ import annotations

from prefect.blocks.core import Block

from blocks.pcs_service.configuration import PcsConfiguration


class PcsServiceBlock(PcsConfiguration, Block):
    """A Production Configuration System, and the token for it."""

    _block_type_name = "PCS"
    _block_type_slug = "pcs-service"
    _description = "A Production Configuration System, and the token for it."
