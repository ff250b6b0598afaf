"""What may become of a mail instead of its delivery, as typed errors."""

from __future__ import annotations

from blocks.errors import EffectUnknown, OutsideUnavailable, ProdOpsError


class RelayUnavailable(OutsideUnavailable):
    """The relay did not answer, or asked to come back later; it has not taken the mail."""


class MailRefused(ProdOpsError):
    """The relay will not take the mail: sender, recipients, identity or content."""


class RecipientsPutOff(RelayUnavailable):
    """The relay takes nothing for these recipients now, as of a full mailbox; it may for others."""


class RecipientsRefused(MailRefused):
    """The relay takes nothing for these recipients; it may for others."""


class DeliveryUnknown(EffectUnknown):
    """The mail was handed over, and the relay's answer did not come: it may be on its way."""


class BlockMissing(ProdOpsError):
    """There is no notification block of that name."""


MailUnaccepted = (RelayUnavailable, MailRefused, BlockMissing)
"""Errors after which it is sure that the mail went nowhere."""
