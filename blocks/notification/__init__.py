"""Telling people by mail, through a notification block of Prefect's."""

from blocks.notification.errors import (
    BlockMissing,
    DeliveryUnknown,
    MailRefused,
    MailUnaccepted,
    RelayUnavailable,
)
from blocks.notification.message import Attachment, Mail
from blocks.notification.relay import MailRelay
from blocks.notification.sender import Sender, load_sender

__all__ = [
    "Attachment",
    "BlockMissing",
    "DeliveryUnknown",
    "Mail",
    "MailRefused",
    "MailRelay",
    "MailUnaccepted",
    "RelayUnavailable",
    "Sender",
    "load_sender",
]
