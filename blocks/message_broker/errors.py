"""What can be wrong with the broker."""

from __future__ import annotations

from blocks.errors import OutsideUnavailable, ProdOpsError


class BrokerUnavailable(OutsideUnavailable):
    """The broker did not answer, or the connection broke."""


class BrokerRefused(BrokerUnavailable):
    """The broker answered with an error: the login, the client id, or a right is not good."""


class BadLogin(ProdOpsError):
    """The file with the broker's user and password cannot be used."""
