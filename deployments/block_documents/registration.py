"""What a worker does with the blocks as it starts: it registers their types, keeps documents."""

from __future__ import annotations

from typing import Final

import structlog
from prefect.client.orchestration import PrefectClient

from deployments.block_documents.documents import Change, Written, keep_documents
from deployments.block_documents.types import register_types
from deployments.isolation import isolated
from flows.common.settings import Settings

_SAID: Final = {
    Change.CREATED: "made the block of an outside service, as the settings have it",
    Change.UPDATED: "the block of an outside service follows the settings, which have changed",
    Change.EDITED: "a block was edited in Prefect and counts; the settings differ",
}

_log = structlog.get_logger("worker")


async def register_blocks(client: PrefectClient, settings: Settings) -> None:
    """Register the types and keep the stack's documents; a fault in them hinders nothing else."""
    with isolated("the blocks could not be registered"):
        await register_types(client)
        for each in await keep_documents(client, settings):
            _say(each)


def _say(written: Written) -> None:
    text = _SAID.get(written.change)
    if text is not None:
        about = {"fields": ", ".join(written.fields)} if written.fields else {}
        _log.info(text, block=written.name, **about)
