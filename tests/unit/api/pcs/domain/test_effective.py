"""What a task makes of its configuration: overrides win; those that cannot be stored are named."""

from __future__ import annotations

import pytest

from api.pcs.domain.effective import effective, override_problems
from tests.pcs_client import CONFIG


def test_an_override_wins_and_data_is_merged():
    found = effective(CONFIG, {"panda_site": "OTHER", "data": {"n_jobs": 7}})
    assert found.text("panda_site") == "OTHER"
    assert found.data == {**CONFIG["data"], "n_jobs": 7}


@pytest.mark.parametrize(
    ("overrides", "key"),
    [
        ({"outputs": []}, "outputs"),
        ({"panda_sites": "x"}, "panda_sites"),
        ({"panda_site": "a b"}, "panda_site"),
        ({"data": []}, "data"),
        ({"data": {"n_jobs": "x"}}, "data.n_jobs"),
        ({"input_dataset_did": "nocolon"}, "input_dataset_did"),
        ({"output_dataset_dids": "a:b"}, "output_dataset_dids"),
        ({"bg_mixing": "yes"}, "bg_mixing"),
    ],
)
def test_overrides_that_cannot_be_kept_are_named(overrides, key):
    assert list(override_problems(overrides)) == [key]
