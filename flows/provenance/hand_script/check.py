"""The hand script's table, of Rucio as it is now: a handful of calls instead of one a request."""

from __future__ import annotations

from collections.abc import Sequence

from blocks.rucio_catalog import RucioCatalog
from flows.provenance.hand_script.marks import file_datasets, marked, pattern_of


def check_campaign(
    catalog: RucioCatalog, scope: str, campaign: str, paths: Sequence[str]
) -> dict[str, list[str]]:
    """Ask Rucio which of the paths a campaign has.

    Args:
        catalog: Where.
        scope: Of what is produced.
        campaign: Part of the campaign's name: 26.04 is any edition of it.
        paths: Requested paths.

    Returns:
        The paths that it has, each with the names that say so.

    Raises:
        RucioUnavailable: It did not answer, or not whole: no path is known to be missing.
        IncompleteAnswer: A dataset went while it was read.
    """
    names = set(catalog.list_datasets(scope, pattern_of(campaign)))
    holders = file_datasets(campaign, sorted(names))
    files = sorted({each.name for each in catalog.files_of(scope, holders)})
    return marked(campaign, paths, names, files)
