"""Alembic's entry: the models of every capability, on the connection that the caller opened."""

from __future__ import annotations

from alembic import context

from flows.common.capabilities import import_models
from flows.common.database import Base

import_models()

connection = context.config.attributes["connection"]
context.configure(connection=connection, target_metadata=Base.metadata, compare_type=True)
with context.begin_transaction():
    context.run_migrations()
