"""What each zone's processes may know: whole, explicit environments.

The web tier gets its own database role and never the way into Prefect. Secrets are given as the
names of files, never as values.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from enum import StrEnum
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

from deployments.sandbox.broker.access import broker_environment
from deployments.sandbox.canary import canary_environment
from deployments.sandbox.grid.access import grid_environment
from deployments.stack.credentials import OPS_ROLE, WEB_ROLE, Credentials
from deployments.stack.layout import Layout
from flows.common.http_proxies import proxy_environment
from flows.common.outsides import OUTSIDES
from flows.common.settings import GROUPS, BadSetting, Settings, env_file, known_names, names_of
from flows.common.sources import setting_of


class Zone(StrEnum):
    """Who a process works for: the web, the operations, or the servers that both stand on."""

    WEB = "web"
    OPS = "ops"
    SERVER = "server"


_INHERITED = ("PATH", "HOME", "USER", "LOGNAME", "LANG", "LC_ALL", "TZ", "TMPDIR")
FIXED = {
    "PYTHONUNBUFFERED": "1",
    "PYTHONSAFEPATH": "1",  # the parts' directory holds data, not modules
    "PGTZ": "UTC",  # whatever an external server's time zone is
    "MALLOC_ARENA_MAX": "2",  # a part with threads is 6 % smaller
}
_GROUPS = {
    Zone.WEB: {
        "stack", "api", "stream", "mcp", "fastmon", "agents", "log", "log_table", "notifications",
        "pcs", "payload_logs", "provenance", "traces",
    },
    Zone.SERVER: {"stack", "database", "prefect", "sandbox"},
}  # fmt: skip
_ALSO = {Zone.WEB: {("database", "pool_size")}}
_SET_HERE = {
    ("stack", "state_dir"),
    ("database", "url"),
    ("database", "passfile"),
    ("prefect", "api_url"),
    ("prefect", "password_file"),
    ("prefect", "ui_url"),
    ("api", "cookie_key_file"),
}
_OPS_ONLY = {("pcs", "url"), ("pcs", "token_file"), ("pcs", "block")}
_CLIENTS_OWN = {("api", "token")}


def given_settings(directory: Path | None = None) -> dict[str, str]:
    """The settings that the user gave, by the names used: from ``.env``, then the environment."""
    given = env_file(directory) | os.environ
    known = known_names()
    return {name: value for name, value in given.items() if name in known}


def environment_of(zone: Zone, settings: Settings, given: Mapping[str, str]) -> dict[str, str]:
    """The whole environment of a process of `zone`.

    Raises:
        BadSetting: The database's URL holds a password, which every process would be shown.
    """
    environment = {name: os.environ[name] for name in _INHERITED if name in os.environ}
    environment.setdefault("HOME", _home(settings))
    environment |= FIXED | _passed_on(zone, settings, given)
    if zone is not Zone.WEB:  # which calls nobody, and would see the proxy's password
        environment |= proxy_environment(os.environ)
    environment["PRODOPS_STATE_DIR"] = os.fspath(settings.stack.state_dir)
    environment |= _database(zone, settings)
    own = Credentials(Layout(settings.stack.state_dir).secrets)
    if zone is not Zone.SERVER:
        environment["PRODOPS_PREFECT_UI_URL"] = prefect_ui_url(settings)
    if zone is Zone.WEB:
        if settings.sandbox.panda:
            monitor = f"{sandbox_panda_url(settings)}/task/{{id}}/"
            environment.setdefault("PRODOPS_PCS_PANDA_MONITOR_URL", monitor)
        if settings.api.is_loopback:
            environment.setdefault("PRODOPS_API_TRUSTED_PROXIES", "127.0.0.1,::1")
        cookie_key = settings.api.cookie_key_file or own.cookie_key
        environment["PRODOPS_API_COOKIE_KEY_FILE"] = os.fspath(cookie_key)
    if zone is Zone.OPS:
        environment["PRODOPS_PREFECT_API_URL"] = prefect_api_url(settings)
        password_file = settings.prefect.password_file or own.prefect_api
        environment["PRODOPS_PREFECT_PASSWORD_FILE"] = os.fspath(password_file.absolute())
        environment |= _pcs(settings) | sandbox_environment(settings)
        environment = _canary(settings) | canary_environment(settings) | environment
        if settings.sandbox.broker:
            environment = broker_environment(settings) | environment  # a given one counts
        if settings.sandbox.grid:
            environment = grid_environment(settings) | environment  # a given one counts
        environment = _blocks(environment) | environment  # the same
    return environment


def _home(settings: Settings) -> str:
    """The home that the system knows of this user, else the state directory: defaults need one."""
    try:
        return os.fspath(Path.home())
    except RuntimeError:
        return os.fspath(settings.stack.state_dir)


def prefect_api_url(settings: Settings) -> str:
    """The API of the Prefect server that the stack uses."""
    return settings.prefect.server_url


def prefect_ui_url(settings: Settings) -> str:
    """The address of the Prefect UI that pages link to."""
    return settings.prefect.ui_url or prefect_api_url(settings).removesuffix("/api")


def api_url(settings: Settings) -> str:
    """Where this machine reaches the web tier, with its prefix."""
    host = settings.api.host
    if host in {"0.0.0.0", "::", ""}:  # noqa: S104 - listening everywhere includes here
        host = "127.0.0.1"  # `::` takes both kinds of addresses: deployments/web.py
    literal = f"[{host}]" if ":" in host else host
    return f"http://{literal}:{settings.api.port}{settings.stack.root_path}"


def monitor_url(settings: Settings) -> str:
    """The monitor's address in links of Prefect's UI: the one that is set, else this machine's."""
    is_set = "monitor_url" in settings.api.model_fields_set
    return settings.api.monitor_url.rstrip("/") if is_set else api_url(settings)


def _passed_on(zone: Zone, settings: Settings, given: Mapping[str, str]) -> dict[str, str]:
    known = known_names()
    passed = {}
    for name, value in given.items():
        group, field = known[name]
        if (group, field) in _SET_HERE | _CLIENTS_OWN:
            continue
        if (group, field) in _OPS_ONLY and zone is not Zone.OPS:
            continue
        if zone is Zone.OPS or group in _GROUPS[zone] or (group, field) in _ALSO.get(zone, ()):
            read = getattr(getattr(settings, group), field)
            # the parts run in another directory
            passed[name] = os.fspath(read.absolute()) if isinstance(read, Path) else value
    return passed


def _database(zone: Zone, settings: Settings) -> dict[str, str]:
    if settings.database.url is not None:
        return _database_of_yours(zone, settings)
    if zone is Zone.SERVER:
        return {}
    credentials = Credentials(Layout(settings.stack.state_dir).secrets)
    role, passfile = {
        Zone.OPS: (OPS_ROLE, credentials.ops),
        Zone.WEB: (WEB_ROLE, credentials.web),
    }[zone]
    return {
        "PRODOPS_DATABASE_URL": (
            f"postgresql+psycopg://{role}@127.0.0.1:{settings.database.port}/prodops"
        ),
        "PRODOPS_DATABASE_PASSFILE": os.fspath(passfile),
    }


def _database_of_yours(zone: Zone, settings: Settings) -> dict[str, str]:
    """The given URL: as it is for ops (role `prodops_ops` where it names none), web as its role."""
    url = urlsplit(settings.database.url or "")
    if url.password is not None:
        raise BadSetting(
            "setting PRODOPS_DATABASE_URL holds a password; "
            "put it into the file that PRODOPS_DATABASE_PASSFILE names"
        )
    user = WEB_ROLE if zone is Zone.WEB else (url.username or OPS_ROLE)
    place = f"{user}@{url.netloc.rpartition('@')[2]}"
    environment = {"PRODOPS_DATABASE_URL": urlunsplit(url._replace(netloc=place))}
    if settings.database.passfile is not None:
        environment["PRODOPS_DATABASE_PASSFILE"] = os.fspath(settings.database.passfile.absolute())
    return environment


def _pcs(settings: Settings) -> dict[str, str]:
    """The PCS that flows talk to: the one that is set, else the stack's own, with its token."""
    if settings.pcs.url is not None:
        return {}
    own = Credentials(Layout(settings.stack.state_dir).secrets).pcs_token
    token_file = settings.pcs.token_file or own
    return {
        "PRODOPS_PCS_URL": api_url(settings),
        "PRODOPS_PCS_TOKEN_FILE": os.fspath(token_file.absolute()),
    }


def _canary(settings: Settings) -> dict[str, str]:
    """How the canary reaches the stack's own web tier."""
    own = Credentials(Layout(settings.stack.state_dir).secrets).canary_token
    return {
        "PRODOPS_CANARY_MONITOR_URL": api_url(settings),
        "PRODOPS_CANARY_TOKEN_FILE": os.fspath(own.absolute()),
    }


def _blocks(environment: Mapping[str, str]) -> dict[str, str]:
    """The names of the block documents that the worker makes: of all that is configured."""
    named = {}
    for each in OUTSIDES:
        address = each.address and names_of(GROUPS[each.group], each.address)
        if not address or any(name in environment for name in address):
            named[setting_of(each, each.named_by)] = each.document
    return named


def sandbox_environment(settings: Settings) -> dict[str, str]:
    """The PanDA of the sandbox in the place of any other."""
    if not settings.sandbox.panda:
        return {}
    return {
        "PRODOPS_PANDA_URL_SSL": sandbox_panda_url(settings),
        "PRODOPS_PANDA_URL": sandbox_panda_url(settings),
        "PRODOPS_PANDA_CACHE_URL": sandbox_panda_url(settings),
        "PRODOPS_PANDA_CONFIG_ROOT": os.fspath(
            Layout(settings.stack.state_dir).sandbox("panda") / "pathena"
        ),
    }


def sandbox_panda_url(settings: Settings) -> str:
    """Where the PanDA of the sandbox listens."""
    return f"http://127.0.0.1:{settings.sandbox.panda_port}"
