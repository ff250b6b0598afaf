"""Telling people by mail, through a notification block of Prefect's."""

from blocks.notification.errors import DeliveryUnknown, MailUnaccepted, RelayUnavailable
from blocks.notification.message import Attachment, Mail
from blocks.notification.relay import MailRelay
from blocks.notification.sender import load_sender

__all__ = [
    "Attachment",
    "DeliveryUnknown",
    "Mail",
    "MailRelay",
    "MailUnaccepted",
    "RelayUnavailable",
    "load_sender",
]
