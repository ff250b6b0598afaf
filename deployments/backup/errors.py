"""What can be wrong with a backup, and why a restore does not begin."""

from __future__ import annotations

from blocks.errors import ProdOpsError
from flows.common.settings import BadSetting


class BackupFailed(ProdOpsError):
    """A database could not be dumped; nothing is left of the backup."""


class BackupUnusable(BadSetting):
    """A backup is not whole, was altered, or is not for this version or this server."""


class ProgramsMissing(BadSetting):
    """There is no pg_dump or pg_restore for the version of the server."""


class RestoreRefused(BadSetting):
    """Something is in the way of a restore, and nothing was done."""


class RestoreFailed(ProdOpsError):
    """A restore did not come to its end; the databases are as they were."""
