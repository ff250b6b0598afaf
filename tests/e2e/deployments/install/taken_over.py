"""A web tier that was taken over, on a running installation.

It has the role's password, every function of the database that the role may call, and a shell of
the web tier's user.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, make_url, text
from sqlalchemy.exc import ProgrammingError

from flows.common import access
from flows.common.callers import Scope
from flows.common.database import make_engine, now, transaction
from tests.support.installation import Installation, env_file

DENIED = r"permission denied|row-level security|must be|has not|may speak|revoked|was revoked"
ACTION = "fetch_payload_log"
"""What whoever has the scope `request` may ask for; without parameters it fails at once."""


@dataclass(frozen=True)
class TakenOver:
    """What somebody has who took the web tier over, and the operations side's view of it."""

    site: Installation
    web: Engine
    ops: Engine

    def do(self, statement: str, **values: Any) -> Any:
        """The first column of the first row of what the web role does; None without one."""
        return self._do(self.web, statement, values)

    def seen(self, statement: str, **values: Any) -> Any:
        """The same with the operations side's rights."""
        return self._do(self.ops, statement, values)

    def refused(self, statement: str, words: str = DENIED, **values: Any) -> None:
        """See that the database refuses the web role the statement."""
        with pytest.raises(ProgrammingError, match=words):
            self.do(statement, **values)

    def token(self, owner: str, *scopes: Scope, ends: datetime | None = None) -> str:
        """A token of the owner, which came by."""
        permitted = scopes or [Scope.REQUEST]
        with transaction(self.ops) as session:
            return access.create_token(session, owner, scopes=permitted, expires_at=ends)

    def ask(self, means: str, proof: str, name: str, action: str, **parameters: Any) -> int:
        """Ask for an action past every check of the API."""
        wanted = {
            "action": action, "parameters": parameters, "requested_by": name, "source": "rest",
            "created_at": now().isoformat(),
        }  # fmt: skip
        statement = "SELECT request_accept(:means, :proof, cast(:wanted AS jsonb))"
        return int(self.do(statement, means=means, proof=proof, wanted=json.dumps(wanted)))

    @property
    def dsn(self) -> str:
        """The web role's way into the database, past everything of ours."""
        url = self.web.url.set(drivername="postgresql")
        passfile = self.site.places.web_passfile
        return f"{url.render_as_string(hide_password=False)}?passfile={passfile}"

    @staticmethod
    def _do(engine: Engine, statement: str, values: dict[str, Any]) -> Any:
        with transaction(engine) as session:
            result = session.execute(text(statement), values)
            row = result.first() if result.returns_rows else None
            return None if row is None else row[0]


def engine_of(settings: Path) -> Engine:
    found = env_file(settings)
    url = make_url(found["PRODOPS_DATABASE_URL"]).set(drivername="postgresql+psycopg")
    return make_engine(url, passfile=Path(found["PRODOPS_DATABASE_PASSFILE"]), pool_size=2)
