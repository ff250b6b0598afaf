"""Alembic's entry: every model, of capabilities and PCS, on the caller's connection."""

from __future__ import annotations

from alembic import context

import api.ai_memory.models
import api.assessments.models
import api.pcs.models  # noqa: F401 - for the metadata; flows must not import it
from deployments.migrations import compatibility
from flows.common.capabilities import import_models
from flows.common.database import Base

import_models()

connection = context.config.attributes["connection"]
context.configure(connection=connection, target_metadata=Base.metadata, compare_type=True)
with context.begin_transaction():
    context.run_migrations()
    compatibility.write(connection, context.script)
