"""The machine: limits of open files, HTTP proxies, Python, the time zone, the character set."""

from __future__ import annotations

import locale
import os
import resource
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit
from urllib.request import proxy_bypass_environment  # type: ignore[attr-defined]
from zoneinfo import ZoneInfo

from deployments.doctor.findings import Check, Finding, ok, problem, warning
from deployments.doctor.site import Side, Site
from deployments.doctor.subjects import processes
from deployments.stack.environment import monitor_url
from flows.common.http_proxies import proxy_environment
from flows.common.settings import BadSetting

_ADVICE: Final = "docs/how-to/run-in-production.md"
_FILES_BESIDE: Final = 256  # what a part has open beside its clients
_OPS_FILES: Final = 1024
_PROXY_NAMES: Final = frozenset({"http_proxy", "https_proxy", "all_proxy", "no_proxy"})
_OLDEST, _NEWEST = (3, 11), (3, 13)


# ------------------------------------------------------------------ open files


def _files(site: Site) -> Iterator[Finding]:
    """Of each part that runs here the limit of its process; of others, what a start here gives."""
    running = processes.of_site(site)
    clients = site.settings.stream.max_clients + _FILES_BESIDE
    needed = {"api": clients, "worker": _OPS_FILES}
    for each in running:
        if each.name in needed:
            yield of_limit(str(each), each.open_files, needed[each.name], "as its process has it")
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    names = {each.name for each in running}
    here = "none runs here as this user: so many if it is started from here"
    if "api" not in names and (site.side is Side.WEB or not running):  # else it is another user's
        yield of_limit("api", hard, clients, f"{here}, the hard limit")
    if "worker" not in names and site.side is Side.OPS:
        yield of_limit("worker", soft, _OPS_FILES, f"{here}, the soft limit")


def of_limit(name: str, limit: int, needed: int, how: str) -> Finding:
    """Whether as many files may be open as a part needs; `how`: whose limit it is."""
    if limit == resource.RLIM_INFINITY or limit >= needed:
        shown = "any number" if limit == resource.RLIM_INFINITY else str(limit)
        return ok(f"{shown} of open files, and it takes {needed} ({how})", about=name)
    advice = (
        f"set LimitNOFILE={needed} in its unit (ulimit -n in a shell), or lower "
        "PRODOPS_STREAM_MAX_CLIENTS"
    )
    return warning(f"{limit} open files, and it may take {needed} ({how})", advice, about=name)


# ------------------------------------------------------------------ HTTP proxies


def _proxies(site: Site) -> Iterator[Finding]:
    """Of each environment that parts here were started with, and of this one where none runs."""
    running = processes.of_site(site) if site.loaded is not None else []
    if not running:
        yield from of_proxies(site, site.environment, "this environment")
        return
    alike: dict[tuple[tuple[str, str], ...], list[processes.PartProcess]] = {}
    for each in running:
        alike.setdefault(_named_proxies(each.environment), []).append(each)
    for key, parts in alike.items():
        yield from of_proxies(site, dict(key), ", ".join(map(str, parts)))


def _named_proxies(environment: Mapping[str, str]) -> tuple[tuple[str, str], ...]:
    names = [name for name in environment if name.lower() in _PROXY_NAMES]
    return tuple((name, environment[name]) for name in sorted(names))


def of_proxies(site: Site, environment: Mapping[str, str], whose: str) -> Iterator[Finding]:
    """The HTTP proxies of an environment, and what they take; `whose` it is, in words."""
    try:
        found = proxy_environment(environment)
    except BadSetting as error:
        advice = "every part refuses to start by it: correct or unset it"
        yield problem(f"{error} ({whose})", advice)
        return
    if not found:
        yield ok(f"none is set: everything is reached directly ({whose})")
        return
    for scheme in ("http", "https", "all"):
        if value := found.get(f"{scheme}_proxy"):
            host = urlsplit(value if "://" in value else f"http://{value}").netloc
            place = host.rpartition("@")[2]
            taken = "everything" if scheme == "all" else f"{scheme}:// addresses"
            text = f"{scheme.upper()}_PROXY takes {taken} outside to {place} ({whose})"
            yield ok(text, about=scheme)
    yield from _differing(environment)
    yield from _inside(site, found)


def _differing(given: Mapping[str, str]) -> Iterator[Finding]:
    for name in ("http_proxy", "https_proxy", "all_proxy", "no_proxy"):
        if given.get(name, "") and given.get(name.upper(), given[name]) != given[name]:
            text = f"{name} and {name.upper()} differ: {name} counts, for every part"
            yield warning(text, "set one of them alone", about=name)


def _inside(site: Site, found: Mapping[str, str]) -> Iterator[Finding]:
    """What is ours, and would be taken to a proxy that most likely does not know it."""
    if site.loaded is None:
        return
    ours = {
        "the web tier": monitor_url(site.loaded),
        "Prefect": site.loaded.prefect.server_url,
        "PCS": site.loaded.pcs.url or "",
    }
    for name, url in ours.items():
        parts = urlsplit(url)
        is_taken = f"{parts.scheme}_proxy" in found or "all_proxy" in found
        if parts.hostname and is_taken and not _is_direct(parts.hostname, found):
            text = f"{name} at {parts.hostname} is reached through the proxy"
            advice = f"add {parts.hostname} to NO_PROXY, if it is inside"
            yield warning(text, advice, about="no_proxy")


def _is_direct(host: str, found: Mapping[str, str]) -> bool:
    return bool(proxy_bypass_environment(host, {"no": found.get("no_proxy", "")}))


# ------------------------------------------------------------------ the system


def _system(site: Site) -> Iterator[Finding]:
    yield _python()
    yield of_zone(site.environment.get("TZ"))
    encoding = locale.getpreferredencoding(False)
    if encoding.lower().replace("-", "") == "utf8":
        yield ok(f"text is {encoding}", about="characters")
    else:
        advice = "set LANG=C.UTF-8 in the environment of the parts"
        yield warning(f"text is {encoding}, and names may hold others", advice, about="characters")
    if os.geteuid() == 0:
        advice = f"run the parts as two users of their own: {_ADVICE}"
        yield warning("this is root, whom no file is private to", advice, about="user")


def _python() -> Finding:
    text = f"Python {sys.version.split()[0]}"
    if _OLDEST <= sys.version_info[:2] <= _NEWEST:
        return ok(text, about="Python")
    advice = f"use {_OLDEST[0]}.{_OLDEST[1]} to {_NEWEST[0]}.{_NEWEST[1]}"
    return problem(text, advice, about="Python")


def of_zone(name: str | None) -> Finding:
    """The time zone of the environment; prodops itself keeps every time in UTC."""
    if not name:
        return ok(f"that of the machine ({_machine_zone()}); all times are kept in UTC", about="TZ")
    try:
        ZoneInfo(name.removeprefix(":"))
    except (KeyError, OSError, ValueError):
        text = f"TZ={name} is no zone that is known here: local times are wrong"
        return warning(text, "unset TZ, or name a zone such as America/New_York", about="TZ")
    return ok(f"TZ={name}; all times are kept in UTC", about="TZ")


def _machine_zone() -> str:
    try:
        return str(Path("/etc/localtime").resolve(strict=True)).partition("zoneinfo/")[2] or "UTC"
    except OSError:
        return "UTC"


CHECKS = (
    Check(
        name="open-files",
        summary="whether the parts may have as many files open as they take",
        look=_files,
        needs=("settings",),
    ),
    Check(
        name="proxies",
        summary="HTTP proxies of the parts' environments, and what they take",
        look=_proxies,
    ),
    Check(
        name="system", summary="Python, the time zone, the character set, the user", look=_system
    ),
)
