"""What the views of rows share."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, ConfigDict


class RowView(BaseModel):
    """A view that a row's attributes fill."""

    model_config = ConfigDict(from_attributes=True)


def columns(row: Any) -> dict[str, Any]:
    """A row's columns, by the names of its attributes."""
    return {each.key: getattr(row, each.key) for each in type(row).__mapper__.column_attrs}
