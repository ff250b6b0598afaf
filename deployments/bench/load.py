"""The load, in a process of its own: it does what a bench orders over its standard input.

`python -m deployments.bench.load`: an order is a line of JSON, and so is its answer. It ends with
its input.
"""

from __future__ import annotations

import asyncio
import importlib.util
import json
import sys
import time
from typing import Any, Final

from blocks.errors import ProdOpsError
from deployments.bench.crowd import Crowd
from deployments.bench.listener import Door
from deployments.bench.sender import send
from flows.fastmon import daq

_LINE_BYTES: Final = 64 << 20
_CONNECT_SECONDS: Final = 60.0
_STF_BYTES: Final = 2 * 1024**3
_TFS_IN_STF: Final = 1000


class Load:
    """Carries out the orders; each method's arguments are an order's fields."""

    def __init__(self) -> None:
        self._door = Door("", 0, "", "")
        self._crowd = Crowd(self._door, 0)

    async def connect(self, door: dict[str, Any], clients: int) -> dict[str, Any]:
        """Connect the listeners."""
        began = time.monotonic()
        self._crowd.drop()
        self._door = Door(**door)
        self._crowd = Crowd(self._door, clients)
        await self._crowd.connect(_CONNECT_SECONDS)
        return {"seconds": time.monotonic() - began}

    async def time(self, *, is_timed: bool) -> dict[str, Any]:
        """Begin or end the timing of every delivery; at the end, give its percentiles."""
        self._crowd.is_timed = is_timed
        return {} if is_timed else self._crowd.delay_figures()

    async def storm(self, patience: float) -> dict[str, Any]:
        """Drop all listeners and reconnect them with their last ids."""
        return {"recovery_s": await self._crowd.storm(patience)}

    async def compare(self, after: int, ids: list[int], patience: float) -> dict[str, Any]:
        """Wait for the last event, then hold what each listener got against the table's ids."""
        if ids:
            await self._crowd.reach(ids[-1], patience)
        return self._crowd.compare(after, ids)

    async def play(
        self,
        *,
        run: int,
        namespace: str,
        stfs: int,
        rate: float,
        connections: int,
        tfs_per_stf: int,
        patience: float,
    ) -> dict[str, Any]:
        """Announce STFs at a rate; wait until every TF of theirs has arrived."""
        plan = daq.RunPlan(
            run, stfs, namespace=namespace, size_bytes=_STF_BYTES, tf_count=_TFS_IN_STF
        )
        ready = [body for _, body in daq.simulate_run(plan) if body["msg_type"] == "stf_ready"]
        self._crowd.forget_tfs()
        bodies = [json.dumps(body).encode() for body in ready]
        sent = await send(self._door, bodies, rate=rate, connections=connections)
        await self._crowd.receive_tfs(stfs * tfs_per_stf, patience)
        arrived = self._crowd.first_tf
        delays = [
            arrived[body["filename"]] - at
            for body, at in zip(ready, sent.at, strict=True)
            if body["filename"] in arrived
        ]
        return {
            "delays": delays,
            "answers": sent.answer_seconds,
            "behind_s": sent.behind_seconds,
            "sending_s": max(sent.at) - min(sent.at),
            "first_sent": min(sent.at),
            "last_arrival": self._crowd.last_tf_at,
            "tfs": self._crowd.tfs,
        }


async def _serve() -> None:
    reader = asyncio.StreamReader(limit=_LINE_BYTES)
    await asyncio.get_running_loop().connect_read_pipe(
        lambda: asyncio.StreamReaderProtocol(reader), sys.stdin
    )
    load = Load()
    while line := await reader.readline():
        order = json.loads(line)
        try:
            answer = await getattr(load, order.pop("do"))(**order)
        except (ProdOpsError, OSError, TimeoutError) as error:
            answer = {"error": f"{type(error).__name__}: {error}"}
        sys.stdout.write(json.dumps(answer) + "\n")
        sys.stdout.flush()


def main() -> None:
    """Serve orders, on uvloop where it is installed."""
    if importlib.util.find_spec("uvloop"):
        importlib.import_module("uvloop").run(_serve())
    else:
        asyncio.run(_serve())


if __name__ == "__main__":
    main()
