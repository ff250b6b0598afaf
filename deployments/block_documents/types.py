"""The types of our blocks, as Prefect's UI offers them; Prefect is imported with this module."""

from __future__ import annotations

import asyncio
from pkgutil import resolve_name

from prefect.blocks.core import Block
from prefect.client.orchestration import PrefectClient

from blocks.notification import MailRelay
from flows.common.outsides import OUTSIDES, Outside


def block_types() -> tuple[type[Block], ...]:
    """The types: one for each kind of outside service, and the mail relay."""
    return (*dict.fromkeys(map(type_of, OUTSIDES)), MailRelay)


def type_of(outside: Outside) -> type[Block]:
    """The block type of an outside service."""
    found: type[Block] = resolve_name(outside.block)
    return found


async def register_types(client: PrefectClient) -> None:
    """Register every type with its present schema; what is registered already stays as it is."""
    await asyncio.gather(*[each.aregister_type_and_schema(client=client) for each in block_types()])
