"""The documents of outside services at a real Prefect: made, kept, edited, lost."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import prefect.settings
import pytest
from prefect.client.orchestration import PrefectClient, get_client
from prefect.client.schemas.actions import BlockDocumentUpdate

from blocks.documents import BlockUnusable
from deployments.block_documents.documents import Change, keep_documents, sync_documents
from deployments.block_documents.types import register_types
from flows.common import adapters, sources
from flows.common.outsides import PANDA
from flows.common.settings import settings
from flows.common.sources import Sources

pytestmark = pytest.mark.integration

NAME = "kept-for-a-test"
OURS = [replace(PANDA, document=NAME)]


class Documents:
    """The document of a PanDA that settings describe, at the shared Prefect."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self._monkeypatch = monkeypatch

    def set(self, **values: str) -> None:
        for name, value in values.items():
            self._monkeypatch.setenv(f"PRODOPS_{name}", value)
        settings.cache_clear()

    def ask(self, act: Callable[[PrefectClient], Any]) -> Any:
        async def asked() -> Any:
            async with get_client() as client:
                await register_types(client)
                return await act(client)

        return asyncio.run(asked())

    def keep(self) -> tuple[Change, tuple[str, ...]]:
        (written,) = self.ask(lambda client: keep_documents(client, settings(), OURS))
        return written.change, written.fields

    def sync(self) -> tuple[Change, tuple[str, ...]]:
        (written,) = self.ask(lambda client: sync_documents(client, settings(), OURS))
        return written.change, written.fields

    def edit(self, **data: Any) -> None:
        """Replace what the document holds, as Prefect's UI does."""

        async def edit(client: PrefectClient) -> None:
            found = await client.read_block_document_by_name(NAME, PANDA.type_slug)
            update = BlockDocumentUpdate(data=data, merge_existing_data=False)
            await client.update_block_document(found.id, update)

        self.ask(edit)

    def delete(self) -> None:
        async def delete(client: PrefectClient) -> None:
            found = await client.read_block_document_by_name(NAME, PANDA.type_slug)
            await client.delete_block_document(found.id)

        self.ask(delete)

    def used(self) -> Any:
        """What a run that begins now uses."""
        return adapters.panda(Sources(settings()))


@pytest.fixture
def documents(prefect_environment, monkeypatch, tmp_path) -> Iterator[Documents]:
    """A document that the stack's worker would have made."""
    given = {getattr(prefect.settings, name): value for name, value in prefect_environment.items()}
    password = tmp_path / "password"
    password.write_text(prefect_environment["PREFECT_API_AUTH_STRING"])
    made = Documents(monkeypatch)
    made.set(
        PANDA_URL_SSL="https://one.test",
        PANDA_BLOCK=NAME,
        PREFECT_API_URL=prefect_environment["PREFECT_API_URL"],
        PREFECT_PASSWORD_FILE=str(password),
    )
    with prefect.settings.temporary_settings(given):
        assert made.keep()[0] is Change.CREATED
        yield made
        made.delete()


def test_what_is_made_is_used_and_follows_the_settings(documents):
    assert documents.used().url_ssl == "https://one.test"
    assert documents.keep() == (Change.UNCHANGED, ())
    documents.set(PANDA_URL_SSL="https://two.test")
    assert documents.keep() == (Change.UPDATED, ("url_ssl",))
    assert documents.used().url_ssl == "https://two.test"


def test_what_an_operator_edits_is_used_and_left_alone_until_it_is_synced(documents):
    documents.edit(url_ssl="https://edited.test", timeout_seconds=5)
    assert documents.keep() == (Change.EDITED, ("url_ssl", "timeout_seconds"))
    found = documents.used()
    assert (found.url_ssl, found.timeout_seconds) == ("https://edited.test", 5)
    assert documents.sync() == (Change.UPDATED, ("url_ssl", "timeout_seconds"))
    assert documents.used().url_ssl == "https://one.test"
    assert documents.sync() == (Change.UNCHANGED, ())


@pytest.mark.slow
def test_defaults_that_the_ui_leaves_out_are_no_edit(documents):
    documents.edit(url_ssl="https://one.test")
    assert documents.keep() == (Change.UNCHANGED, ())
    assert documents.used().auth_vo == "EIC.production"


def test_a_document_that_was_deleted_is_named_until_it_is_made_again(documents):
    documents.delete()
    with pytest.raises(BlockUnusable, match=f"no block panda-server/{NAME}; `prodops block sync`"):
        documents.used()
    assert documents.sync()[0] is Change.CREATED
    assert documents.used().url_ssl == "https://one.test"


def test_a_value_that_prefect_takes_and_no_run_can_is_named(documents):
    documents.edit(url_ssl="https://one.test", timeout_seconds="soon")
    with pytest.raises(BlockUnusable, match="timeout_seconds: Input should be a valid number"):
        documents.used()
    assert documents.keep() == (Change.EDITED, ("timeout_seconds",))


def test_a_document_under_a_name_of_an_operators_is_not_made(documents):
    documents.set(PANDA_BLOCK="another")
    assert documents.ask(lambda client: keep_documents(client, settings(), OURS)) == []


@pytest.mark.slow
def test_settings_that_cannot_be_used_leave_the_document_as_it_is(documents):
    documents.set(PANDA_URL_SSL="nowhere")
    assert documents.ask(lambda client: keep_documents(client, settings(), OURS)) == []
    assert documents.used().url_ssl == "https://one.test"


def test_all_documents_are_read_by_one_call(documents, monkeypatch):
    asked = []
    read = sources.read_documents
    monkeypatch.setattr(sources, "read_documents", lambda given: asked.append(1) or read(given))
    run = Sources(settings())
    assert adapters.panda(run) is adapters.panda(run)
    assert asked == [1]
