"""Catalogs of requests, imported: each good row once, as a request, a dataset and a draft task."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from api.pcs.domain.catalog_rows import (
    CatalogUnreadable,
    Refused,
    RowRefused,
    read_catalog,
)
from api.pcs.models import Campaign, ProdConfig
from api.pcs.queries.catalogue import campaign_key, current_campaign, named_config
from api.pcs.schemas.tasks import CatalogForm
from api.pcs.services import production
from api.pcs.services.access import Actor
from api.pcs.services.import_rows import RowImport, Target
from blocks.errors import Invalid

_CONFIG: Final = "catalog_import"
_LOCK: Final = 0x70637363  # "pcsc": one import at a time
_MAX_SOURCE_BYTES: Final = 32 * 1024 * 1024


@dataclass
class Done:
    """What an import did: rows by what became of them."""

    created: int = 0
    updated: int = 0
    unchanged: int = 0
    refused: list[Refused] = field(default_factory=list)


def published(tmp_dir: Path, source: str) -> str:
    """The text of a source that is published for the web tier, as ``catalog/<source>.csv``.

    Raises:
        Invalid: There is none, or it cannot be read.
    """
    path = tmp_dir / "catalog" / f"{source}.csv"
    try:
        if path.stat().st_size > _MAX_SOURCE_BYTES:
            raise Invalid({"source": [f"{path} is too large."]})
        return path.read_text(encoding="utf-8").replace("\x00", "")
    except FileNotFoundError:
        raise Invalid({"source": [f"There is no source {source!r}: {path}."]}) from None
    except (OSError, UnicodeDecodeError) as error:
        raise Invalid({"source": [f"{path} cannot be read: {error}"]}) from None


def import_catalog(session: Session, text: str, wanted: CatalogForm, actor: Actor) -> Done:
    """Import every good row of the catalog.

    Raises:
        Invalid: It is no catalog, or the campaign or configuration is unknown.
    """
    session.execute(select(func.pg_advisory_xact_lock(_LOCK)))
    done = Done()
    target = Target(
        campaign=_campaign(session, wanted.campaign),
        detector_config=wanted.detector_config,
        config=_config(session, wanted.prod_config, actor),
    )
    rows = RowImport(session, target, actor)
    try:
        for row in read_catalog(text):
            if isinstance(row, Refused):
                done.refused.append(row)
                continue
            try:
                outcome = rows.take(row)
            except RowRefused as error:
                done.refused.append(Refused(row.line, str(error)))
            else:
                setattr(done, outcome, getattr(done, outcome) + 1)
    except CatalogUnreadable as error:
        raise Invalid({"csv_text": [str(error)]}) from None
    session.flush()
    return done


def _campaign(session: Session, key: str | int | None) -> Campaign:
    if key is not None:
        return session.get_one(Campaign, campaign_key(session, key))
    found = current_campaign(session)
    if found is None:
        raise Invalid({"campaign": ["No campaign is current; name one."]})
    return found


def _config(session: Session, key: str | int | None, actor: Actor) -> ProdConfig:
    if key is not None:
        return named_config(session, key)
    found = session.scalar(select(ProdConfig).where(ProdConfig.name == _CONFIG))
    if found is not None:
        return found
    text = "For imported requests; give tasks a configuration of their own."
    return production.add_config(session, {"name": _CONFIG, "description": text}, actor)
