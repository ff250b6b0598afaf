"""Block documents, read from Prefect's REST API without its client: that takes 1.5 s to import."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

import httpx

from blocks.errors import OutsideUnavailable
from blocks.tls import trust

_ANSWER_SECONDS: Final = 10.0
_MOST: Final = 200  # what Prefect gives at a time


class BlocksUnavailable(OutsideUnavailable):
    """Prefect's API does not answer, or does not let us read block documents."""


class BlockUnusable(OutsideUnavailable):
    """A block document is not there, or holds what cannot be used: an operator has to mend it.

    It is waited out like an outage: what is to be done is not at fault, and nothing was tried.
    """


class BlockName(NamedTuple):
    """The name of a block document: unique among those of its type."""

    type_slug: str
    name: str

    def __str__(self) -> str:
        return f"{self.type_slug}/{self.name}"


@dataclass(frozen=True)
class PrefectApi:
    """Prefect's REST API.

    Attributes:
        url: Its address, up to `/api`.
        auth: `user:password`; None: it asks for none.
    """

    url: str
    auth: str | None = None

    def documents(self, wanted: Iterable[BlockName]) -> dict[BlockName, Mapping[str, Any]]:
        """The values of the wanted documents that are there, in one call.

        Raises:
            BlocksUnavailable: Prefect does not answer, or refuses.
        """
        names = sorted(set(wanted))
        # Not by their types as well: that takes Prefect three times as long (measured).
        by_name = {"name": {"any_": sorted({each.name for each in names})}}
        found = self._filter({"block_documents": by_name})
        return {name: found[name] for name in names if name in found}

    def documents_of(self, type_slugs: Iterable[str]) -> dict[BlockName, Mapping[str, Any]]:
        """The values of all documents of those types.

        Raises:
            BlocksUnavailable: As :meth:`documents`.
        """
        return self._filter({"block_types": {"slug": {"any_": list(type_slugs)}}})

    def _filter(self, wanted: Mapping[str, Any]) -> dict[BlockName, Mapping[str, Any]]:
        user, _, password = (self.auth or "").partition(":")
        auth = (user, password) if self.auth else None
        body = {**wanted, "include_secrets": False, "limit": _MOST}
        try:
            with httpx.Client(auth=auth, timeout=_ANSWER_SECONDS, verify=trust(self.url)) as client:
                answer = client.post(f"{self.url}/block_documents/filter", json=body)
                answer.raise_for_status()
                rows = answer.json()
            return {BlockName(row["block_type"]["slug"], row["name"]): row["data"] for row in rows}
        except (httpx.HTTPError, httpx.InvalidURL, ValueError, KeyError, TypeError) as error:
            reason = str(error) or type(error).__name__
            raise BlocksUnavailable(f"Prefect does not give the blocks: {reason}") from error
