"""What a process that another pool's worker started must have, and what it makes of that.

It has Prefect's address and password as that worker gives them, and the database's URL and password
file; the outside services are configured by the blocks that the warm worker keeps.
"""

from __future__ import annotations

import os
from typing import Final

from prefect.settings import get_current_settings

from blocks.documents import BlockName
from deployments import core_dumps
from deployments.prefect_access import bound_retries
from flows.common.outsides import OUTSIDES
from flows.common.sessions import MARKER
from flows.common.settings import BadSetting, settings
from flows.common.sources import prefect_api, setting_of

_NEEDED: Final = (
    "PRODOPS_DATABASE_URL is not in the environment of the run's process: set it in the job "
    "variable `env` of the work pool, with PRODOPS_DATABASE_PASSFILE "
    "(docs/how-to/use-another-pool.md)"
)


def prepare() -> None:
    """Make the process one that a run can work in.

    Raises:
        BadSetting: Something is missing, or cannot be used; the message names it in one line.
        BlocksUnavailable: Prefect does not give the blocks.
    """
    if settings().database.url is None:
        raise BadSetting(_NEEDED)
    core_dumps.forbid()
    _lead_a_session()
    os.environ.setdefault(MARKER, f"{settings().stack.state_dir}:pool {os.getpid()}")
    bound_retries()
    _pass_on_prefect()
    _name_blocks()


def _lead_a_session() -> None:
    """Have the run's processes found by their session, as the warm worker's are."""
    if os.getpid() not in {os.getsid(0), os.getpgrp()}:
        os.setsid()


def _pass_on_prefect() -> None:
    """Let what reads blocks use the Prefect of the process, and hide its password from children."""
    api = get_current_settings().api
    if settings().prefect.api_url is None and api.url is not None:
        os.environ["PRODOPS_PREFECT_API_URL"] = api.url
    password = os.environ.pop("PREFECT_API_AUTH_STRING", None)
    if settings().prefect.password_file is None and password is not None:
        os.environ["PRODOPS_PREFECT_PASSWORD_FILE"] = _in_memory(password)
    settings.cache_clear()


def _in_memory(secret: str) -> str:
    """A file of this process alone that holds the secret; it ends with the process."""
    descriptor = os.memfd_create("prefect-password")
    os.write(descriptor, secret.encode())
    return f"/proc/{os.getpid()}/fd/{descriptor}"


def _name_blocks() -> None:
    """Use the documents that the warm worker keeps, for what the environment does not configure."""
    configured = settings()
    unset = [
        each
        for each in OUTSIDES
        if each.name_in(configured) is None and (each.address is None or not each.is_in(configured))
    ]
    names = {each: BlockName(each.type_slug, each.document) for each in unset}
    found = prefect_api(configured).documents(names.values())
    for each, name in names.items():
        if name in found:
            os.environ[setting_of(each, each.named_by)] = name.name
    settings.cache_clear()
