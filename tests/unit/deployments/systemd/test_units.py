"""The unit files of a site, as systemd reads them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from blocks.errors import NotFound
from deployments.stack.parts import GRID
from deployments.stack.parts import NAMES as STACK
from deployments.systemd.declared import NAMES
from deployments.systemd.site import BadSite, Site, Zone
from deployments.systemd.units import units

SITE = Site(
    bin_dir=Path("/opt/prodops/.venv/bin"),
    ops=Zone(
        user="prodops",
        group="prodops",
        environment_file=Path("/etc/prodops/ops.env"),
        state_dir=Path("/var/lib/prodops"),
        private_dirs=(Path("/etc/prodops/ops"),),
    ),
    web=Zone(
        user="prodops-web",
        group="www",
        environment_file=Path("/etc/prodops/web.env"),
        state_dir=Path("/var/lib/prodops-web"),
    ),
    parts=NAMES,
    public_dir=Path("/var/lib/prodops-public"),
)


def read(text: str) -> dict[str, list[str]]:
    """The values of each name, in any section."""
    found: dict[str, list[str]] = {}
    for line in text.splitlines():
        if "=" in line:
            name, _, value = line.partition("=")
            found.setdefault(name, []).append(value)
    return found


def unit(part: str, site: Site = SITE) -> dict[str, list[str]]:
    return read(units(site)[f"{site.name}-{part}.service"])


def test_every_part_of_a_stack_that_is_no_sandbox_has_a_unit_but_postgresql_has_its_own():
    assert set(NAMES) == set(STACK) - {"postgres", "panda", "broker", *GRID}
    assert set(units(SITE)) == {*(f"prodops-{name}.service" for name in NAMES), "prodops.target"}


def test_the_target_wants_the_parts_of_the_site_and_they_go_with_it():
    site = replace(SITE, parts=("worker", "api"), name="east")
    files = units(site)
    assert set(files) == {"east-worker.service", "east-api.service", "east.target"}
    assert read(files["east.target"])["Wants"] == ["east-api.service east-worker.service"]
    worker = unit("worker", site)
    assert (worker["PartOf"], worker["WantedBy"]) == (["east.target"], ["east.target"])
    assert worker["After"] == ["network-online.target postgresql.service"]  # no Prefect here


@pytest.mark.parametrize("part", NAMES)
def test_a_part_stays_down_where_a_restart_would_not_help_and_comes_back_otherwise(part: str):
    found = unit(part)
    assert found["Restart"] == ["always"]
    assert found["RestartPreventExitStatus"] == ["2 100"]
    assert found["SuccessExitStatus"] == ["100"]
    assert found["StartLimitIntervalSec"] == ["0"]
    assert found["ExecStart"] == [f"/opt/prodops/.venv/bin/prodops {part}"]


@pytest.mark.parametrize("part", NAMES)
def test_a_part_speaks_for_itself_and_has_a_watchdog(part: str):
    found = unit(part)
    assert (found["Type"], found["NotifyAccess"]) == (["notify"], ["main"])
    assert int(found["WatchdogSec"][0]) >= 120


def test_only_the_web_unit_is_of_the_web_user_and_it_sees_nothing_of_the_ops_side():
    users = {name: unit(name)["User"] for name in NAMES}
    assert [name for name in NAMES if users[name] == ["prodops-web"]] == ["api"]
    web = unit("api")
    assert web["InaccessiblePaths"] == ["-/var/lib/prodops -/etc/prodops/ops -/etc/prodops/ops.env"]
    assert web["ReadWritePaths"] == ["-/var/lib/prodops-web"]
    assert (web["EnvironmentFile"], web["Group"]) == (["/etc/prodops/web.env"], ["www"])


def test_only_the_worker_writes_what_is_public():
    writers = [name for name in NAMES if "prodops-public" in unit(name)["ReadWritePaths"][0]]
    assert writers == ["worker"]


def test_only_the_worker_may_make_set_group_id_directories_as_payload_logs_need():
    permitted = [name for name in NAMES if unit(name)["RestrictSUIDSGID"] == ["no"]]
    assert permitted == ["worker"]


def test_a_worker_may_end_what_it_runs_itself_and_has_the_time_of_its_drain():
    worker = unit("worker")
    assert (worker["KillMode"], worker["OOMPolicy"]) == (["mixed"], ["continue"])
    assert int(worker["TimeoutStopSec"][0]) > 120


@pytest.mark.parametrize(
    ("path", "home", "temporary"),
    [("/srv/x", "yes", "yes"), ("/home/x", "read-only", "yes"), ("/tmp/x", "yes", "no")],
)
def test_a_site_in_a_home_or_a_temporary_directory_sees_it(path: str, home: str, temporary: str):
    found = unit("worker", replace(SITE, public_dir=Path(path)))
    assert (found["ProtectHome"], found["PrivateTmp"]) == ([home], [temporary])


@pytest.mark.parametrize(
    "path", ["/a b", "/100%", '/"x"', "relative", "/a/../b", "/a\nUser=root", "/$X"]
)
def test_a_path_that_systemd_would_read_otherwise_is_refused(path: str):
    with pytest.raises(BadSite, match="cannot stand in a unit"):
        replace(SITE, bin_dir=Path(path))


@pytest.mark.parametrize("name", ["", "a b", "-x", "x\nUser=root", "%i", "x" * 40])
def test_a_name_that_is_none_is_refused(name: str):
    with pytest.raises(BadSite, match="is no name"):
        replace(SITE, web=replace(SITE.web, user=name))


@pytest.mark.parametrize("wanted", ["/var/lib/prodops/public", "/etc/prodops/ops/public"])
def test_what_the_web_tier_needs_may_not_be_where_it_may_not_look(wanted: str):
    with pytest.raises(BadSite, match="is for the web tier"):
        replace(SITE, public_dir=Path(wanted))


def test_a_part_that_there_is_not_is_named():
    with pytest.raises(NotFound, match="'panda'; the parts are prefect"):
        units(replace(SITE, parts=("worker", "panda")))
