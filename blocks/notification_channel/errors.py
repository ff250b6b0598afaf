"""What may become of a message instead of its delivery."""

from __future__ import annotations

from blocks.errors import EffectUnknown, OutsideUnavailable, ProdOpsError


class ChannelUnavailable(OutsideUnavailable):
    """The other side did not answer in time, or not now: the message is tried again."""


class ChannelRefused(ProdOpsError):
    """The message will not be taken, however often it is tried: the channel must be mended."""


class RecipientPutOff(ChannelUnavailable):
    """The other side is there, and takes nothing for this recipient now."""


class RecipientRefused(ChannelRefused):
    """The other side takes nothing for this recipient; the channel is well."""


class ChannelUnknown(EffectUnknown):
    """The message was handed over, and nobody knows whether it was taken."""


class BadUrlFile(ChannelRefused):
    """The file with the channel's URL cannot be used."""
