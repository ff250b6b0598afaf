"""Which task at PanDA bears a name, where several may have got it. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from blocks.panda_server import PandaTask


def survivor(named: Sequence[PandaTask]) -> int | None:
    """The one task that bears the name; None where there is none, or several may still live.

    JEDI ends the second of two tasks that one name got (it says of which it is a duplicate).
    """
    bearers = [each for each in named if each.survivor_id is None]
    if len(bearers) > 1:
        bearers = [each for each in bearers if each.is_live]
    return bearers[0].id if len(bearers) == 1 else None
