"""The Prefect block of a PanDA server."""

from __future__ import annotations

from prefect.blocks.core import Block

from blocks.panda_server.configuration import PandaConfiguration


class PandaServerBlock(PandaConfiguration, Block):
    """A PanDA server, and the identity that prodops has there."""

    _block_type_name = "PanDA server"
    _block_type_slug = "panda-server"
    _description = "A PanDA server, and the identity that prodops has there."
