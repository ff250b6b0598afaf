"""Which replica is tried first. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final
from urllib.parse import urlsplit

from blocks.rucio_catalog import Replica

_TAPE: Final = "TAPE"
_LAN: Final = "lan"


def in_order(
    replicas: Sequence[Replica], *, local_rses: Sequence[str], schemes: Sequence[str]
) -> tuple[Replica, ...]:
    """The replicas that can be read, in the order they are tried.

    Near ones first, in the order of the setting; then disk before tape, then by name.
    """
    readable = [
        each for each in replicas if each.is_available and urlsplit(each.pfn).scheme in schemes
    ]
    nearness = {rse: number for number, rse in enumerate(local_rses)}

    def rank(each: Replica) -> tuple[int, bool, str, bool, int, str]:
        near = nearness.get(each.rse, len(nearness))
        is_far = each.domain != _LAN
        return near, each.rse_type == _TAPE, each.rse, is_far, each.priority, each.pfn

    return tuple(sorted(readable, key=rank))
