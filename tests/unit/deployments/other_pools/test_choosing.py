"""Which actions other pools run."""

import pytest

from deployments.other_pools.choosing import by_pool, elsewhere
from flows.common.settings import BadSetting
from flows.common.settings.services import PrefectSettings

KNOWN = ("fetch", "submit", "sweep")


def test_an_action_goes_to_the_pool_that_is_named_for_it():
    assert elsewhere(["sweep=k8s"], KNOWN, "prodops") == {"sweep": "k8s"}


def test_the_star_is_for_all_that_are_not_named_and_ones_own_pool_keeps_an_action():
    chosen = elsewhere(["*=k8s", "fetch=docker", "submit=prodops"], KNOWN, "prodops")
    assert chosen == {"fetch": "docker", "sweep": "k8s"}
    assert by_pool(chosen) == {"docker": {"fetch"}, "k8s": {"sweep"}}


def test_an_action_that_is_not_known_is_refused_by_name():
    with pytest.raises(BadSetting, match=r"no action 'swep'; there are: fetch, submit, sweep"):
        elsewhere(["swep=k8s"], KNOWN, "prodops")


@pytest.mark.parametrize("bad", ["sweep", "=k8s", "sweep="])
def test_what_is_no_pair_is_refused(bad):
    with pytest.raises(ValueError, match="is not of the form ACTION=POOL"):
        PrefectSettings(pools=bad)
