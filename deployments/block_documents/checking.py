"""Checks of block documents: each connects to what its document is about."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pkgutil import resolve_name
from typing import Any, Final
from urllib.parse import urlsplit

from pydantic import ValidationError

from blocks.checks import Check, Finding, find
from blocks.documents import BlockName
from blocks.errors import NotFound, ProdOpsError
from blocks.rucio_catalog import RucioCatalog
from blocks.xrootd_storage.access import LOCAL_SCHEME
from flows.common import adapters
from flows.common.outsides import OUTSIDES, RUCIO_LOGS
from flows.common.settings import Settings
from flows.common.sources import Sources, first_problem

MAIL_RELAY: Final = "mail-relay"
_CHECKS: Final[Mapping[str, str]] = {
    "panda-server": "blocks.panda_server.check:checks",
    "pcs-service": "blocks.pcs_service.check:checks",
    "rucio-catalog": "blocks.rucio_catalog.check:checks",
    "xrootd-storage": "blocks.xrootd_storage.check:checks",
    "x509-proxy": "blocks.x509_proxy.check:checks",
    "message-broker": "blocks.message_broker.check:checks",
    MAIL_RELAY: "blocks.notification.check:checks",
}
_FORMS: Final[Mapping[str, str]] = {each.type_slug: each.form for each in OUTSIDES} | {
    MAIL_RELAY: "blocks.notification:MailRelay"
}
TYPE_SLUGS: Final = tuple(_CHECKS)
"""The types whose documents can be checked."""


@dataclass(frozen=True)
class Checking:
    """What the checks of documents need besides the documents.

    Attributes:
        settings: The settings.
        seconds: How long one check may take.
        doors: URLs of the storage doors that are asked; none: those that are known.
    """

    settings: Settings
    seconds: float
    doors: Sequence[str] = field(default=())

    def of(self, block: BlockName, values: Mapping[str, Any]) -> list[Finding]:
        """What the checks of a document find."""
        return list(self.one_by_one(block, values))

    def one_by_one(self, block: BlockName, values: Mapping[str, Any]) -> Iterator[Finding]:
        """The same, each as it is found."""
        try:
            made = resolve_name(_FORMS[block.type_slug])(**values)
        except ValidationError as error:
            name, reason = first_problem(error)
            yield Finding("values", False, f"{name}: {reason}")
            return
        try:
            more = self._more(block.type_slug)
        except ProdOpsError as error:
            yield Finding("what it needs", False, str(error))
            return
        checks: Callable[..., Iterator[Check]] = resolve_name(_CHECKS[block.type_slug])
        for each in checks(made, *more):
            yield find(each, seconds=self.seconds)

    def _more(self, type_slug: str) -> tuple[Any, ...]:
        """What the checks of a type take besides the document."""
        if type_slug == "rucio-catalog":
            return (adapters.proxy_file(Sources(self.settings)),)
        if type_slug == "xrootd-storage":
            sources = Sources(self.settings)
            return self.doors or self._known_doors(sources), adapters.proxy_file(sources)
        return ()

    def _known_doors(self, sources: Sources) -> list[str]:
        """The doors of the inputs' storage, and of the local RSEs as Rucio knows them.

        Raises:
            ProdOpsError: Rucio does not tell.
        """
        inputs = self.settings.provenance.evgen_url
        doors = [_door(inputs)] if inputs else []
        if sources.has(RUCIO_LOGS):
            configured = adapters.xrootd(sources)
            access = adapters.logs_access(sources, timeout_seconds=self.seconds)
            with RucioCatalog(access, threads=1) as catalog:
                known = [door for rse in configured.local_rses for door in catalog.doors_of(rse)]
            read_here = {*configured.schemes} - {LOCAL_SCHEME}  # which is no door
            doors += [each for each in known if urlsplit(each).scheme in read_here]
        return list(dict.fromkeys(doors))


def chosen(
    name: str, documents: Mapping[BlockName, Mapping[str, Any]]
) -> dict[BlockName, Mapping[str, Any]]:
    """The documents of a name, with or without its type before it (`mail-relay/reports`).

    Raises:
        NotFound: There is none.
    """
    found = {
        block: values for block, values in documents.items() if name in (str(block), block.name)
    }
    if not found:
        raise NotFound(f"Prefect has no block {name}; see `prodops block list`")
    return found


def _door(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}"
