"""The Prefect block of a message broker."""

from __future__ import annotations

from prefect.blocks.core import Block

from blocks.message_broker.configuration import BrokerConfiguration


class MessageBrokerBlock(BrokerConfiguration, Block):
    """A message broker (STOMP), and the login that prodops has there."""

    _block_type_name = "Message broker"
    _block_type_slug = "message-broker"
    _description = "A message broker (STOMP), and the login that prodops has there."
