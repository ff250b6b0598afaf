"""The clock: how far it is from the database's and from those of the services outside."""

from __future__ import annotations

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from email.utils import parsedate_to_datetime
from typing import Final
from urllib.parse import urlsplit

import httpx
from sqlalchemy import text

from blocks.errors import ProdOpsError
from deployments.doctor.findings import Check, Finding, ok, problem, skipped, warning
from deployments.doctor.site import Side, Site
from deployments.stack.environment import monitor_url

WARNED_SECONDS: Final = 5.0
WRONG_SECONDS: Final = 60.0
_HEADER_SECONDS: Final = 1.0  # a Date has no more
_ADVICE: Final = "let chrony or systemd-timesyncd set this machine's clock (`timedatectl`)"


def _look(site: Site) -> Iterator[Finding]:
    try:
        with site.session() as session:
            before, began = site.clock(), time.monotonic()
            theirs = session.scalar(text("SELECT clock_timestamp()"))
            late = (time.monotonic() - began) / 2
        if theirs is not None:
            yield compared("the database", (before - theirs).total_seconds() + late)
    except ProdOpsError:
        yield skipped("the database does not answer", about="the database")
    asked = servers(site)
    with ThreadPoolExecutor(max_workers=8) as pool:
        yield from pool.map(lambda name: _of_server(name, asked[name], site), asked)


def servers(site: Site) -> dict[str, str]:
    """The addresses of what says the time over HTTP, by what it is."""
    configured = site.settings
    found = {"the web tier": monitor_url(configured)}
    if site.side is Side.OPS:
        found |= {
            "Prefect": configured.prefect.server_url,
            "PanDA": configured.panda.url_ssl or "",
            "Rucio of PanDA's logs": configured.rucio_logs.url or "",
            "Rucio of produced data": configured.rucio_produced.url or "",
            "PCS": configured.pcs.url or "",
        }
    origins = {name: _origin(url) for name, url in found.items() if url}
    return {name: url for url, name in {url: name for name, url in origins.items()}.items()}


def _origin(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}/"


def _of_server(name: str, url: str, site: Site) -> Finding:
    try:
        # Whose certificate it is does not matter here: nothing is sent, and the time is compared.
        with httpx.Client(verify=False, timeout=site.timeout_seconds / 3) as client:  # noqa: S501 - see above
            before, began = site.clock(), time.monotonic()
            said = client.head(url).headers.get("date")
            late = (time.monotonic() - began) / 2
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        return skipped(f"{url} does not answer ({type(error).__name__})", about=name)
    theirs = _time(said)
    if theirs is None:
        return skipped(f"{url} does not say the time", about=name)
    off = (before - theirs).total_seconds() + late - _HEADER_SECONDS / 2
    return compared(name, off if abs(off) > _HEADER_SECONDS else 0.0)


def _time(said: str | None) -> datetime | None:
    try:
        return parsedate_to_datetime(said) if said else None
    except ValueError:
        return None


def compared(name: str, ahead_seconds: float) -> Finding:
    """How far our clock is ahead of another (negative: behind)."""
    how = "ahead of" if ahead_seconds > 0 else "behind"
    text = f"this clock is {abs(ahead_seconds):.1f} s {how} that of {name}"
    if abs(ahead_seconds) > WRONG_SECONDS:
        return problem(f"{text}: tokens and proxies are refused by it", _ADVICE, about=name)
    if abs(ahead_seconds) > WARNED_SECONDS:
        return warning(text, _ADVICE, about=name)
    return ok(f"within {max(abs(ahead_seconds), 1.0):.0f} s of that of {name}", about=name)


CHECKS = (
    Check(
        name="clock",
        summary="how far this machine's clock is from those of the others",
        look=_look,
        needs=("settings",),
    ),
)
