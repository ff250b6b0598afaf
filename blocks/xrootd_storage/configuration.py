"""What it takes to read from storage over XRootD: the fields of its block."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import Field

from blocks.configuration import AbsolutePath, Configuration
from blocks.xrootd_storage.access import XrootdAccess, XrootdLimits


class XrootdConfiguration(Configuration):
    """How XRootD doors are read from; the defaults were measured on closed and stalled doors."""

    connection_window_seconds: int = Field(
        5, ge=1, description="XRD_CONNECTIONWINDOW: how long one try to connect may take."
    )
    connection_retries: int = Field(1, ge=1, description="XRD_CONNECTIONRETRY.")
    request_timeout_seconds: int = Field(
        10, ge=1, description="XRD_REQUESTTIMEOUT: how long one answer may take."
    )
    stream_timeout_seconds: int = Field(
        10, ge=1, description="XRD_STREAMTIMEOUT: how long a connection may be silent."
    )
    stall_seconds: float = Field(
        12.0, gt=0, description="Time without progress after which a copy is ended."
    )
    copy_seconds: float = Field(120.0, gt=0, description="How long one copy may take.")
    ca_dir: AbsolutePath | None = Field(
        None, description="Directory of CA certificates of the doors; unset: the system's."
    )
    local_rses: tuple[str, ...] = Field(
        ("BNL-XRD",), description="Local RSEs, in order of preference."
    )
    schemes: tuple[Literal["root", "roots", "file"], ...] = Field(
        ("root", "roots"), description="Schemes of replicas that are read."
    )

    def access(self, proxy_file: Path | None) -> XrootdAccess:
        """As whom doors are spoken to."""
        return XrootdAccess(proxy_file=proxy_file, ca_dir=self.ca_dir, schemes=self.schemes)

    def limits(self, *, seconds: float | None = None) -> XrootdLimits:
        """How long doors may take; a copy as a whole at most `seconds`, where that is less."""
        return XrootdLimits(
            connection_window_seconds=self.connection_window_seconds,
            connection_retries=self.connection_retries,
            request_timeout_seconds=self.request_timeout_seconds,
            stream_timeout_seconds=self.stream_timeout_seconds,
            stall_seconds=self.stall_seconds,
            wall_seconds=min(self.copy_seconds, seconds or self.copy_seconds),
        )
