"""In what order the tests run: the longest pieces first, so that no process ends late.

A piece is what one process runs: the tests of a file, or all that share the stack, the grid or the
broker. What each took is in weights.json, which ``--record-weights`` writes.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping
from pathlib import Path

import pytest
from xdist.scheduler import LoadGroupScheduling

WEIGHTS = Path(__file__).with_name("weights.json")
UNKNOWN = {"unit": 0.1, "integration": 1.0, "browser": 4.0, "e2e": 10.0, "slow": 120.0}
"""Seconds that a test of a tier takes, as long as it was not measured."""

_SHARED = {"whole_stack": "stack", "grid": "grid", "broker": "broker"}
"""Fixtures of a session that cost more than most tests with them; each one's are one piece."""
_TEMPLATE_SECONDS = 60.0
_measured: Counter[str] = Counter()


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--record-weights", action="store_true", help="keep what each piece took, for the order"
    )


def pytest_itemcollected(item: pytest.Item) -> None:
    if tier_of(item.nodeid) == "slow":
        item.add_marker("slow")
    # Here, since xdist writes groups into the ids before a conftest's hook sees the whole list.
    shared = [_SHARED[each] for each in _SHARED if each in item.fixturenames]
    for name in shared[:1]:
        item.add_marker(pytest.mark.xdist_group(name))


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if hasattr(config, "workerinput"):
        for item in items:
            group = item.get_closest_marker("xdist_group")
            if group and not item.nodeid.endswith(f"@{group.args[0]}"):
                raise pytest.UsageError("xdist does not write its groups into ids with this pytest")
        estimated = Counter[str]()
        for item in items:
            estimated[_piece_of_item(item)] += UNKNOWN[tier_of(item.nodeid)]
        place = {piece: number for number, piece in enumerate(_order({**estimated, **weights()}))}
        items.sort(key=lambda item: place[_piece_of_item(item)])


def _order(seconds: Mapping[str, float]) -> list[str]:
    """The pieces, longest first; behind the first, which may make the template, unit tests.

    They need no template, and keep the other processes busy until it is there.
    """
    longest = sorted(seconds, key=lambda piece: (-seconds[piece], piece))
    meanwhile, left = [], _TEMPLATE_SECONDS
    for piece in longest:
        if piece.startswith("tests/unit/") and left > 0:
            meanwhile.append(piece)
            left -= seconds[piece]
    others = [piece for piece in longest if piece not in meanwhile]
    return [*others[:1], *meanwhile, *others[1:]]


@pytest.hookimpl(trylast=True)
def pytest_runtest_teardown(item: pytest.Function, nextitem: pytest.Item | None) -> None:
    """End what a piece shares behind its last test: till the end of all it would take processor."""
    group = item.get_closest_marker("xdist_group")
    if group is None or nextitem is None or _piece_of_item(nextitem) == _piece_of_item(item):
        return
    for fixture, name in _SHARED.items():
        if name == group.args[0]:
            for definition in item._fixtureinfo.name2fixturedefs.get(fixture, ()):
                definition.finish(item._request)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: object) -> LoadGroupScheduling | None:
    return LongestFirst(config, log) if config.option.dist == "loadgroup" else None


class LongestFirst(LoadGroupScheduling):
    """xdist's scheduler of groups, to which a file without a group is one; the order is ours."""

    def _split_scope(self, nodeid: str) -> str:
        return super()._split_scope(nodeid).partition("::")[0]


def tier_of(nodeid: str) -> str:
    return nodeid.split("/")[1]


def weights() -> dict[str, float]:
    """Seconds by piece, and by test in the slower tier."""
    return dict(json.loads(WEIGHTS.read_text())) if WEIGHTS.exists() else {}


def _piece_of_item(item: pytest.Item) -> str:
    group = item.get_closest_marker("xdist_group")
    return str(group.args[0]) if group else item.nodeid.partition("::")[0]


# ------------------------------------------------------------------ measuring


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    test, group = report.nodeid, ""
    if report.nodeid.rfind("@") > report.nodeid.rfind("]"):  # xdist writes the group there
        test, _, group = report.nodeid.rpartition("@")
    piece = group or test.partition("::")[0]
    _measured[test if "slow" in report.keywords else piece] += report.duration


def pytest_sessionfinish(session: pytest.Session) -> None:
    if session.config.option.record_weights and not hasattr(session.config, "workerinput"):
        known = weights() | {piece: round(seconds, 1) for piece, seconds in _measured.items()}
        WEIGHTS.write_text(json.dumps(known, indent=1, sort_keys=True) + "\n")
