"""The outside services that flows use: where the configuration of each is found.

It is found in the block document that a setting names, else in a group of the settings.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from flows.common.settings import Settings

_Values = Callable[[Settings], Mapping[str, Any]]


@dataclass(frozen=True, kw_only=True)
class Outside:
    """An outside service.

    Attributes:
        title: In messages and logs.
        type_slug: Prefect's name of its block type.
        document: The name of the document that the stack makes.
        group: The group of its settings.
        named_by: The field of that group which names a document.
        address: The field of that group without which the settings configure none; None: its
            defaults suffice.
        values: Its configuration, as the settings have it.
        block: Its block, and `form`, the fields of that, as dotted paths: an adapter is imported
            where it is used.
        form: See `block`.
    """

    title: str
    type_slug: str
    document: str
    group: str
    named_by: str = "block"
    address: str | None
    values: _Values
    block: str
    form: str

    def name_in(self, settings: Settings) -> str | None:
        """The document that the settings name; None: the settings themselves count."""
        name: str | None = getattr(getattr(settings, self.group), self.named_by)
        return name

    def is_in(self, settings: Settings) -> bool:
        """Whether the settings themselves configure it."""
        if self.address is None:
            return True
        return getattr(getattr(settings, self.group), self.address) is not None


def _group(name: str, *without: str) -> _Values:
    return lambda settings: getattr(settings, name).model_dump(exclude={*without})


def _pcs(settings: Settings) -> Mapping[str, Any]:
    return {**settings.pcs.model_dump(), "url": settings.pcs.url or settings.api.monitor_url}


def _proxy(settings: Settings) -> Mapping[str, Any]:
    return {"proxy_file": settings.rucio_logs.proxy_file}


PANDA: Final = Outside(
    title="PanDA",
    type_slug="panda-server",
    document="prodops-panda",
    group="panda",
    address="url_ssl",
    values=_group("panda"),
    block="blocks.panda_server.block:PandaServerBlock",
    form="blocks.panda_server.configuration:PandaConfiguration",
)
PCS: Final = Outside(
    title="PCS",
    type_slug="pcs-service",
    document="prodops-pcs",
    group="pcs",
    address=None,
    values=_pcs,
    block="blocks.pcs_service.block:PcsServiceBlock",
    form="blocks.pcs_service.configuration:PcsConfiguration",
)
RUCIO_LOGS: Final = Outside(
    title="Rucio of PanDA's logs",
    type_slug="rucio-catalog",
    document="prodops-rucio-logs",
    group="rucio_logs",
    address="url",
    values=_group("rucio_logs", "proxy_file"),  # which is PROXY's
    block="blocks.rucio_catalog.block:RucioCatalogBlock",
    form="blocks.rucio_catalog.configuration:RucioConfiguration",
)
RUCIO_PRODUCED: Final = Outside(
    title="Rucio of produced data",
    type_slug="rucio-catalog",
    document="prodops-rucio-produced",
    group="rucio_produced",
    address="url",
    values=_group("rucio_produced"),
    block="blocks.rucio_catalog.block:RucioCatalogBlock",
    form="blocks.rucio_catalog.configuration:RucioConfiguration",
)
XROOTD: Final = Outside(
    title="XRootD",
    type_slug="xrootd-storage",
    document="prodops-xrootd",
    group="xrootd",
    address=None,
    values=_group("xrootd"),
    block="blocks.xrootd_storage.block:XrootdStorageBlock",
    form="blocks.xrootd_storage.configuration:XrootdConfiguration",
)
PROXY: Final = Outside(
    title="x509 proxy",
    type_slug="x509-proxy",
    document="prodops-proxy",
    group="rucio_logs",
    named_by="proxy_block",
    address="proxy_file",
    values=_proxy,
    block="blocks.x509_proxy.block:X509ProxyBlock",
    form="blocks.x509_proxy.configuration:ProxyConfiguration",
)
BROKER: Final = Outside(
    title="message broker",
    type_slug="message-broker",
    document="prodops-broker",
    group="bus",
    address="host",
    values=_group("bus"),
    block="blocks.message_broker.block:MessageBrokerBlock",
    form="blocks.message_broker.configuration:BrokerConfiguration",
)
OUTSIDES: Final = (PANDA, PCS, RUCIO_LOGS, RUCIO_PRODUCED, XROOTD, PROXY, BROKER)
