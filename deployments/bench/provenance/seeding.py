"""A campaign for a bench: its requests in PCS, its datasets in Rucio."""

from __future__ import annotations

from deployments.bench.common.stack import BenchBroken, BenchStack, say
from deployments.sandbox.grid import seed
from deployments.sandbox.grid.grid import Grid
from deployments.sandbox.grid.made_up import Campaign


def prepare(running: BenchStack, grid: Grid, campaign: Campaign) -> None:
    """Let PCS know the campaign, as the current one, and its requests; and Rucio its datasets.

    Raises:
        BenchBroken: PCS refused a request.
    """
    http = running.http
    http.post("/pcs/api/campaigns/", json={"name": campaign.name}).raise_for_status()
    http.post(f"/pcs/api/campaigns/{campaign.name}/set-current/").raise_for_status()
    body = {"csv_text": campaign.requests_csv}
    answer = http.post("/pcs/api/prod-tasks/catalog-import/", json=body).raise_for_status()
    if refused := answer.json()["refused"]:
        raise BenchBroken(f"PCS refused {len(refused)} requests: {refused[0]['reason']}")
    seeded = seed.seed(grid, campaign.datasets)
    say(f"{campaign.name}: {seeded.datasets} datasets, {seeded.files} files in Rucio")
