"""Which actions other work pools run, by the settings. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from flows.common.settings import BadSetting

_ALL = "*"


def elsewhere(pairs: Iterable[str], known: Iterable[str], own_pool: str) -> dict[str, str]:
    """The pool of each action that another pool runs, by the action's name.

    Args:
        pairs: As the setting has them: `action=pool`, or `*=pool` for all that are not named.
        known: The names of all actions.
        own_pool: The pool of the warm worker; an action that is put there stays at home.

    Raises:
        BadSetting: An action is not known.
    """
    named = dict(pair.split("=", 1) for pair in pairs)
    names = sorted(known)
    if strange := sorted(named.keys() - {_ALL, *names}):
        raise BadSetting(
            f"setting PRODOPS_PREFECT_POOLS: there is no action {strange[0]!r}; "
            f"there are: {', '.join(names)}"
        )
    chosen = {name: named.get(name, named.get(_ALL, own_pool)) for name in names}
    return {name: pool for name, pool in chosen.items() if pool != own_pool}


def by_pool(chosen: Mapping[str, str]) -> dict[str, frozenset[str]]:
    """The actions that each pool runs."""
    pools = sorted(set(chosen.values()))
    return {pool: frozenset(name for name, its in chosen.items() if its == pool) for pool in pools}
