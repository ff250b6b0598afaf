"""What a run of submission works with: database, PCS, PanDA, each opened once for the run."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Final

from sqlalchemy import Engine

from blocks.errors import ProdOpsError
from blocks.panda_server import Identity, PandaServer, PandaTask, TokenSource
from blocks.pcs_service import PcsService
from flows.common import adapters
from flows.common.adapters import pcs_service
from flows.common.database import make_engine
from flows.common.requests import Claim, held
from flows.common.settings import Settings, settings

_MARGIN_SECONDS: Final = 360.0  # prun itself wants more than 300 s left


@dataclass
class Workplace:
    """The run's connections; PCS and PanDA are opened when they are first used."""

    settings: Settings
    engine: Engine
    holder: Claim
    _open: ExitStack = field(default_factory=ExitStack)

    @cached_property
    def pcs(self) -> PcsService:
        """The PCS that is set, or the stack's own."""
        return self._open.enter_context(pcs_service(self.settings))

    @cached_property
    def tokens(self) -> TokenSource:
        """Where the token for PanDA comes from."""
        margin = _MARGIN_SECONDS + self.settings.submission.timeout_seconds
        return adapters.token_source(self.settings.panda, margin_seconds=margin)

    @property
    def identity(self) -> Identity:
        """Who we are at PanDA; the token is refreshed where it is about to expire."""
        return self.tokens.identity()

    @cached_property
    def panda(self) -> PandaServer:
        """The PanDA server."""
        server = adapters.panda_server(self.settings.panda, lambda: self.identity.token)
        return self._open.enter_context(server)

    @property
    def panda_url(self) -> str:
        """Address of the PanDA server.

        Raises:
            BadSetting: It is not set.
        """
        return adapters.panda_url(self.settings.panda)

    @property
    def user_name(self) -> str:
        """The userName under which PanDA stores our tasks."""
        return self.settings.panda.user_name or self.identity.name

    def tasks_named(self, panda_name: str) -> list[PandaTask]:
        """Our tasks of that name at PanDA, as far as they are refined."""
        return self.panda.tasks_named(panda_name, user_name=self.user_name)

    def sandbox(self, attempt_id: int, number: int) -> Path:
        """The private directory of one run of prun."""
        return self._sandboxes / f"{attempt_id}.{number}"

    def remove_sandboxes(self, attempt_id: int) -> None:
        """Remove what earlier runs of the attempt left."""
        for path in self._sandboxes.glob(f"{attempt_id}.*"):
            shutil.rmtree(path)

    @property
    def _sandboxes(self) -> Path:
        path = self.settings.stack.state_dir / "submissions"
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
        return path

    def close(self) -> None:
        """Close what was opened."""
        self._open.close()
        self.engine.dispose()


_present: ContextVar[Workplace] = ContextVar("prodops_workplace")


def workplace() -> Workplace:
    """The present run's."""
    return _present.get()


@contextmanager
def opened() -> Iterator[Workplace]:
    """Open the run's workplace."""
    place = Workplace(settings(), make_engine(pool_size=1), held())
    token = _present.set(place)
    try:
        yield place
    finally:
        _present.reset(token)
        place.close()


class RunPutOff(ProdOpsError):
    """The truth is not known yet: the request waits, and a later run goes on."""
