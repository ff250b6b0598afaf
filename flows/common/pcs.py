"""The PCS that flows use, as the settings tell."""

from __future__ import annotations

from pathlib import Path

from blocks.pcs_service import PcsService
from flows.common.settings import BadSetting, Settings


def pcs_service(settings: Settings) -> PcsService:
    """The PCS that is set, or the stack's own; to be closed.

    Raises:
        BadSetting: Its token cannot be read.
    """
    configured = settings.pcs
    return PcsService(
        configured.url or settings.api.monitor_url,
        token=_token(configured.token_file),
        timeout_seconds=configured.timeout_seconds,
    )


def _token(path: Path | None) -> str | None:
    if path is None:
        return None
    try:
        return path.read_text().strip()
    except OSError as error:
        raise BadSetting(f"setting PRODOPS_PCS_TOKEN_FILE: {error}") from error
