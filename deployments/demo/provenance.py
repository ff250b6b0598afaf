"""The demonstration's fourth part: a small campaign at Rucio is held against its requests."""

from __future__ import annotations

import time
from typing import Any, Final

import httpx
from rich.console import Console
from rich.table import Table

from blocks import monitor_api
from blocks.errors import ProdOpsError
from deployments.demo.stream import heard
from deployments.sandbox.grid.grid import Grid
from deployments.sandbox.grid.made_up import Campaign, made_up
from deployments.sandbox.grid.seed import seed
from deployments.stack.stack import Stack
from flows.provenance import messages

_SECONDS: Final = 60.0
_CAMPAIGN: Final = "26.12.0"
_REQUESTS, _DATASETS, _FILES = 48, 40, 1_200


class CampaignNotShown(ProdOpsError):
    """The demonstration's campaign was not swept."""


def show(stack: Stack, token: str, console: Console) -> str:
    """Seed a campaign, sweep it, show what was found; gives the address of its catalog.

    Raises:
        CampaignNotShown: The sweep failed.
        NotHeard: Nothing was heard of its end in time.
    """
    campaign = made_up(requests=_REQUESTS, datasets=_DATASETS, files=_FILES, name=_CAMPAIGN)
    seed(Grid(stack.settings), campaign.datasets)
    headers = {"Authorization": f"Token {token}"}
    with (
        monitor_api.MonitorApi(stack.api_url, token) as api,
        httpx.Client(base_url=stack.api_url, headers=headers, timeout=_SECONDS) as http,
    ):
        _import(http, campaign)
        with heard(api, (messages.SWEPT,)) as news:
            asked = time.monotonic()
            http.post(f"/pcs/api/campaigns/{_CAMPAIGN}/sweep/").raise_for_status()
            ended = next(news.about(_SECONDS, campaign=_CAMPAIGN))
            seconds = time.monotonic() - asked
        if not ended.data["ok"]:
            raise CampaignNotShown(f"{_CAMPAIGN}: {ended.data['error']}")
        stands = http.get(f"/api/provenance/campaigns/{_CAMPAIGN}/").raise_for_status().json()
    console.print(_table(stands, seconds))
    return f"{stack.api_url}/pcs/catalog/?campaign={_CAMPAIGN}"


def _import(http: httpx.Client, campaign: Campaign) -> None:
    """Let PCS know the campaign and its requests."""
    http.post("/pcs/api/campaigns/", json={"name": campaign.name}).raise_for_status()
    http.post(f"/pcs/api/campaigns/{campaign.name}/set-current/").raise_for_status()
    body = {"csv_text": campaign.requests_csv}
    http.post("/pcs/api/prod-tasks/catalog-import/", json=body).raise_for_status()


def _table(stands: dict[str, Any], seconds: float) -> Table:
    counts = stands["counts"]
    title = f"Campaign {stands['campaign']} at Rucio"
    table = Table("what", "how many", title=title, min_width=44)
    table.add_row("paths requested", str(counts["requested"]))
    table.add_row("found", str(counts["found"]))
    table.add_row("… complete", str(counts["complete"]))
    table.add_row("… incomplete", str(counts["incomplete"]))
    table.add_row("datasets", f"{counts['datasets']}, {counts['unmatched']} not asked for")
    table.add_row("files", str(counts["files"]))
    table.add_row("RSEs", ", ".join(stands["rses"]))
    table.add_row("from the request to the event", f"{seconds:.1f} s")
    return table
