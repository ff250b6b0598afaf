"""Types of columns that more than one table has."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Dialect, Text, TypeDecorator

from flows.common.credential_paths import credential_paths
from flows.common.text import kept


class Reason(TypeDecorator[str]):
    """Words about what was wrong: any characters, and no path of a credential, as web reads it."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: str | None, dialect: Dialect) -> Any:  # noqa: ARG002
        """The words as they are stored."""
        return None if value is None else kept(credential_paths.without(value))
