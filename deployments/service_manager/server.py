"""A web server that asks itself what clients ask: while they get no answer, neither does it."""

from __future__ import annotations

import asyncio
import socket
from typing import Final

import httpx
import uvicorn
from anyio import to_thread

from deployments.service_manager.notification import ServiceManager, service_manager

_ASK_SECONDS: Final = 5.0
_STARTING_SECONDS: Final = 0.2


class AskingServer(uvicorn.Server):
    """Asks its own health address by a connection of its own, and takes a turn of its threads.

    It is ready once it was answered with 200. From then on each answer feeds the watchdog, one
    that tells of an outage too.

    Args:
        config: As uvicorn's.
        health_url: What it asks.
        host: The name by which it asks for itself; None: that of the address.
    """

    def __init__(self, config: uvicorn.Config, *, health_url: str, host: str | None = None) -> None:
        super().__init__(config)
        self._manager = service_manager()
        self._request = httpx.Request("GET", health_url, headers={"Host": host} if host else {})
        self._is_ready = False
        self._asking: asyncio.Task[None] | None = None

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start to listen, then to ask."""
        await super().startup(sockets)
        if self._manager.is_there:
            self._asking = asyncio.create_task(self._ask())

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Say that it ends, and end."""
        self._manager.stopping("lets what it answers come to its end")
        if self._asking is not None:
            self._asking.cancel()
        await super().shutdown(sockets)

    async def _ask(self) -> None:
        """Ask by the clock, until cancelled."""
        async with _client() as client:
            with self._manager.watchdog.following("answers") as is_answered:
                while True:
                    status = await self._answer(client)
                    if status is not None:
                        is_answered()
                    self._say(self._manager, status)
                    await asyncio.sleep(_ASK_SECONDS if self._is_ready else _STARTING_SECONDS)

    async def _answer(self, client: httpx.AsyncClient) -> int | None:
        """The status of the answer, however long it takes; None: the connection broke."""
        try:
            status = (await client.send(self._request)).status_code
        except httpx.HTTPError:
            return None
        if status == httpx.codes.OK:  # else the threads may wait for what is away
            await to_thread.run_sync(_take_turn)
        return status

    def _say(self, manager: ServiceManager, status: int | None) -> None:
        if status == httpx.codes.OK:
            if self._is_ready:
                manager.status("serves")
            else:
                manager.ready("serves")
            self._is_ready = True
        else:
            said = "its own connection broke" if status is None else f"its health is {status}"
            (manager.status if self._is_ready else manager.waits)(said)


def _client() -> httpx.AsyncClient:
    """A client without limits of time: what is not answered is not fed for."""
    limits = httpx.Limits(max_keepalive_connections=0)
    return httpx.AsyncClient(timeout=None, limits=limits, trust_env=False)  # noqa: S113 - see above: without an answer there is no feed


def _take_turn() -> None:
    """Do nothing, in a thread of those that routes run in."""
