"""The documents of the outside services: made of the settings, and kept in step with them.

A document that somebody has edited is left alone; for that, a Prefect variable keeps what was
written last.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pkgutil import resolve_name
from typing import Any, Final

from prefect.blocks.core import Block
from prefect.client.orchestration import PrefectClient
from prefect.client.schemas.actions import (
    BlockDocumentCreate,
    BlockDocumentUpdate,
    VariableCreate,
    VariableUpdate,
)
from prefect.client.schemas.objects import BlockDocument
from prefect.exceptions import ObjectNotFound
from pydantic import ValidationError

from blocks.configuration import Configuration
from deployments.block_documents.types import type_of
from deployments.isolation import isolated
from flows.common.outsides import OUTSIDES, Outside
from flows.common.settings import Settings
from flows.common.sources import of_settings

WRITTEN: Final = "prodops_block_documents"
"""The variable: what was written last of each document, as a checksum by the document's name."""


class Change(StrEnum):
    """What became of a document."""

    CREATED = "created"
    UPDATED = "updated"
    UNCHANGED = "unchanged"
    EDITED = "left as edited"


@dataclass(frozen=True, kw_only=True)
class Written:
    """What was done with the document of an outside service.

    Attributes:
        outside: The service.
        name: The document's name.
        change: What became of it.
        fields: Those whose values changed or, where it was left, differ from the settings'.
    """

    outside: Outside
    name: str
    change: Change
    fields: tuple[str, ...] = ()


async def keep_documents(
    client: PrefectClient, settings: Settings, outsides: Sequence[Outside] = OUTSIDES
) -> list[Written]:
    """Make the documents of the stack that are missing, and bring those up to date that we wrote.

    Only documents with the stack's own names are kept: another name is an operator's document. One
    whose settings cannot be used is logged, and hinders no other.
    """
    writer = await _Writer.of(client)
    found = []
    for each in outsides:
        if each.name_in(settings) == each.document and each.is_in(settings):
            with isolated("a block could not be made of the settings", block=each.document):
                found.append(await writer.write(each, each.document, settings, is_forced=False))
    await writer.close()
    return found


async def sync_documents(
    client: PrefectClient, settings: Settings, outsides: Sequence[Outside] = OUTSIDES
) -> list[Written]:
    """Write the documents of all that is configured anew from the settings, edited ones too.

    Raises:
        BadSetting: A setting cannot be used.
    """
    writer = await _Writer.of(client)
    found = [
        await writer.write(each, each.name_in(settings) or each.document, settings, is_forced=True)
        for each in outsides
        if each.is_in(settings)
    ]
    await writer.close()
    return found


def values_of(outside: Outside, settings: Settings) -> dict[str, Any]:
    """What the document of an outside service holds by the settings.

    Raises:
        BadSetting: A setting cannot be used.
    """
    made = of_settings(outside, settings, resolve_name(outside.form))
    values: dict[str, Any] = made.model_dump(mode="json")
    return values


class _Writer:
    """Writes documents; the types are registered before."""

    def __init__(self, client: PrefectClient, written: dict[str, str], *, is_new: bool) -> None:
        self._client = client
        self._written = written
        self._before = dict(written)
        self._is_new = is_new

    @classmethod
    async def of(cls, client: PrefectClient) -> _Writer:
        variable = await client.read_variable_by_name(WRITTEN)
        value = variable.value if variable is not None else {}
        known = value if isinstance(value, dict) else {}  # a person may have changed it
        return cls(client, {**known}, is_new=variable is None)

    async def write(
        self, outside: Outside, name: str, settings: Settings, *, is_forced: bool
    ) -> Written:
        values, block = values_of(outside, settings), type_of(outside)
        try:
            found = await self._client.read_block_document_by_name(
                name, outside.type_slug, include_secrets=False
            )
        except ObjectNotFound:
            await self._create(block, name, values)
            return Written(outside=outside, name=name, change=Change.CREATED)
        fields = differing(values | _whole(outside, found.data), values)
        change = Change.UNCHANGED
        if fields:
            is_ours = self._written.get(name) == _checksum(found.data)
            change = Change.UPDATED if is_forced or is_ours else Change.EDITED
        await self._update(found, block, values if change is not Change.EDITED else None)
        return Written(outside=outside, name=name, change=change, fields=fields)

    async def close(self) -> None:
        """Keep what was written, where it changed."""
        if self._written == self._before:
            return
        if self._is_new:
            await self._client.create_variable(VariableCreate(name=WRITTEN, value=self._written))
        else:
            await self._client.update_variable(VariableUpdate(name=WRITTEN, value=self._written))

    async def _create(self, block: type[Block], name: str, values: dict[str, Any]) -> None:
        assert block._block_schema_id is not None  # noqa: S101, SLF001 - the type is registered
        assert block._block_type_id is not None  # noqa: S101, SLF001 - the type is registered
        await self._client.create_block_document(
            BlockDocumentCreate(
                name=name,
                data=values,
                block_schema_id=block._block_schema_id,  # noqa: SLF001
                block_type_id=block._block_type_id,  # noqa: SLF001
            )
        )
        self._written[name] = _checksum(values)

    async def _update(
        self, found: BlockDocument, block: type[Block], values: dict[str, Any] | None
    ) -> None:
        """Give the document the values, where any, and the form of this version."""
        schema_id = block._block_schema_id  # noqa: SLF001
        if values is not None:
            self._written[str(found.name)] = _checksum(values)
        if found.block_schema_id == schema_id and values in (None, found.data):
            return
        update = BlockDocumentUpdate(
            block_schema_id=schema_id,
            data=values if values is not None else found.data,
            merge_existing_data=False,
        )
        await self._client.update_block_document(found.id, update)


def differing(held: Mapping[str, Any], wanted: Mapping[str, Any]) -> tuple[str, ...]:
    """The fields that two versions of a document have with different values."""
    return tuple(name for name, value in wanted.items() if held.get(name) != value)


def _whole(outside: Outside, held: dict[str, Any]) -> dict[str, Any]:
    """A document's values with the defaults, which Prefect's UI leaves out when it saves.

    One that holds a value that cannot be used is given as it is.
    """
    try:
        made: Configuration = resolve_name(outside.form)(**held)
    except ValidationError:
        return held
    return made.model_dump(mode="json")


def _checksum(values: Mapping[str, Any]) -> str:
    written = json.dumps(values, sort_keys=True, default=str)
    return hashlib.sha256(written.encode()).hexdigest()[:16]
