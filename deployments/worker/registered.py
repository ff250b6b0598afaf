"""What was declared of each deployment when it was last written at Prefect."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from sqlalchemy import Engine, select
from sqlalchemy.dialects.postgresql import insert

from flows.common.database import now, transaction
from flows.common.models import RegisteredDeployment


@dataclass(frozen=True)
class RegisteredDeployments:
    """Keeps the digests of what was written, in the database."""

    engine: Engine

    def digests(self, pool: str, name: str | None = None) -> dict[str, dict[str, str]]:
        """The digests of the pool's deployments, or of one, by its name and the part's."""
        wanted = select(RegisteredDeployment.name, RegisteredDeployment.digests).where(
            RegisteredDeployment.pool == pool
        )
        if name is not None:
            wanted = wanted.where(RegisteredDeployment.name == name)
        with transaction(self.engine) as session:
            return {row.name: row.digests for row in session.execute(wanted)}

    def keep(self, pool: str, name: str, digests: Mapping[str, str]) -> None:
        """Note what was declared of a deployment that was written just now."""
        values = {"digests": dict(digests), "at": now()}
        note = insert(RegisteredDeployment).values(pool=pool, name=name, **values)
        with transaction(self.engine) as session:
            session.execute(
                note.on_conflict_do_update(index_elements=["pool", "name"], set_=values)
            )
