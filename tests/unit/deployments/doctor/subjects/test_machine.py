"""Limits, HTTP proxies and the time zone are judged by what they mean for the parts."""

import resource

import pytest

from deployments.doctor.findings import Condition
from deployments.doctor.subjects import machine
from tests.unit.deployments.doctor.sites import site


def proxies(**environment: str) -> list[tuple[Condition, str, str]]:
    found = machine._proxies(site(environment=environment))
    return [(each.condition, each.text, each.advice) for each in found]


def test_without_proxies_everything_is_reached_directly():
    [(condition, _, _)] = proxies()
    assert condition is Condition.OK


def test_a_proxy_that_no_part_would_start_with_is_named_and_its_password_is_not():
    [(condition, text, advice)] = proxies(HTTPS_PROXY="socks5://me:secret@proxy:1080")
    assert (condition, "HTTPS_PROXY" in text, "secret" in text) == (Condition.PROBLEM, True, False)
    assert "unset" in advice


def test_what_is_inside_and_would_be_taken_to_the_proxy_is_named(monkeypatch):
    monkeypatch.setenv("PRODOPS_PREFECT_API_URL", "http://prefect.inside:4200/api")
    from flows.common.settings import settings  # noqa: PLC0415

    settings.cache_clear()
    direct = proxies(http_proxy="http://proxy:3128", NO_PROXY=".inside")
    assert [each[0] for each in direct] == [Condition.OK]
    taken = proxies(http_proxy="http://proxy:3128")
    assert taken[-1][0] is Condition.WARNING
    assert "add prefect.inside to NO_PROXY" in taken[-1][2]


def test_two_spellings_that_differ_are_named():
    found = proxies(http_proxy="http://a:1", HTTP_PROXY="http://b:1")
    assert any("differ" in text for _, text, _ in found)


@pytest.mark.parametrize(
    ("limit", "condition"),
    [(5256, Condition.OK), (resource.RLIM_INFINITY, Condition.OK), (1024, Condition.WARNING)],
)
def test_a_limit_of_open_files_is_compared_with_what_clients_take(limit, condition):
    found = machine.of_limit("web tier", limit, 5256, "raises it")
    assert (found.condition, "LimitNOFILE=5256" in found.advice) == (
        condition, condition is Condition.WARNING
    )  # fmt: skip


@pytest.mark.parametrize(
    ("name", "condition"),
    [(None, Condition.OK), ("America/New_York", Condition.OK), ("Mars/Base", Condition.WARNING)],
)
def test_a_time_zone_that_is_not_known_is_named(name, condition):
    assert machine.of_zone(name).condition is condition
