"""What it takes to reach a PCS: the fields of its block."""

from __future__ import annotations

from typing import ClassVar

from pydantic import Field

from blocks.configuration import AbsolutePath, Configuration, HttpAddress, PathUnusable
from blocks.pcs_service.client import PcsService


class PcsConfiguration(Configuration):
    """A Production Configuration System, and our token there."""

    PRIVATE: ClassVar[frozenset[str]] = frozenset({"token_file"})

    url: HttpAddress = Field(description="Address of the PCS, up to its /pcs/api.")
    token_file: AbsolutePath | None = Field(
        None, description="File (mode 0600) with the token that is sent to PCS; unset: none is."
    )
    timeout_seconds: float = Field(30.0, gt=0, description="How long a call to PCS may take.")

    def service(self) -> PcsService:
        """The PCS; to be closed.

        Raises:
            PathUnusable: The token cannot be read.
        """
        return PcsService(self.url, token=self._token(), timeout_seconds=self.timeout_seconds)

    def _token(self) -> str | None:
        if self.token_file is None:
            return None
        try:
            return self.token_file.read_text(encoding="utf-8").strip()
        except (OSError, UnicodeDecodeError) as error:
            raise PathUnusable(f"the token for PCS cannot be read: {error}") from error
