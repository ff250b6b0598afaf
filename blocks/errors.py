"""The root of every error that prodops raises on purpose, and the kinds that callers tell apart.

An error says a fact. What a kind is in HTTP stands in `api/http/errors.py` alone.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Final

_NOTHING: Final[Mapping[str, object]] = MappingProxyType({})


class ProdOpsError(Exception):
    """A fact that stops the work, said in one line: what is wrong and what to do.

    Attributes:
        details: What a program may want to know of it, by name; values that JSON can hold.
    """

    details: Mapping[str, object] = _NOTHING


class OutsideUnavailable(ProdOpsError):
    """A service outside prodops (database, Prefect, broker) did not answer."""


class EffectUnknown(ProdOpsError):
    """What was asked of a service may have been done: it did not say so."""


class NotFound(ProdOpsError):
    """There is nothing of that name or key."""


class Forbidden(ProdOpsError):
    """Whoever asks is known, and may not do this."""


class Refused(ProdOpsError):
    """What is asked contradicts what is recorded, or may not be done now."""


class Invalid(ProdOpsError):
    """What was sent is not of its form; `fields` says what is wrong with each field, by name."""

    def __init__(self, fields: Mapping[str, Sequence[str]], *, of: str = "") -> None:
        """Say what is wrong.

        Args:
            fields: The texts for each field.
            of: What was sent, for people who read the one line.
        """
        self.fields = {name: list(texts) for name, texts in fields.items()}
        summary = "; ".join(f"{name}: {' '.join(texts)}" for name, texts in fields.items())
        super().__init__(f"{of}: {summary}" if of else summary)
