"""Values that PanDA's tables cannot keep are named before a task is broken by them."""

from __future__ import annotations

import pytest

from api.pcs.domain import widths
from api.pcs.domain.effective import EffectiveConfig, effective
from tests.pcs_client import CONFIG


def of(**overrides: object) -> EffectiveConfig:
    return effective(CONFIG, overrides)


@pytest.mark.parametrize(
    ("field", "most"),
    [("panda_site", 60), ("container_image", 200), ("data.vo", 32), ("data.prod_source_label", 20)],
)
def test_a_value_is_at_most_as_long_as_its_column(field, most):
    def problems(length: int) -> dict[str, str]:
        where, _, key = field.rpartition(".")
        return widths.problems(
            of(**({where: {key: "x" * length}} if where else {key: "x" * length}))
        )

    assert problems(most) == {}
    assert problems(most + 1) == {field: f"is longer than the {most} characters that PanDA keeps"}


def test_the_role_of_a_working_group_does_not_count():
    assert widths.problems(of(panda_working_group="x" * 20 + ".production")) == {}
    assert list(widths.problems(of(panda_working_group="x" * 21))) == ["panda_working_group"]


def test_the_cloud_is_the_working_group_without_its_role():
    assert widths.cloud(of()) == "EIC"
    assert widths.cloud(of(panda_working_group="")) == "EIC"
    assert widths.cloud(of(data={"cloud": "US"})) == "US"


@pytest.mark.parametrize("overrides", [
    {"data": {"cloud": "x" * 11}}, {"panda_working_group": "collaboration.production"},
])  # fmt: skip
def test_a_cloud_that_jedi_cannot_keep_is_named_for_a_map_only(overrides):
    assert list(widths.map_problems(of(**overrides))) == ["data.cloud"]
    assert widths.problems(of(**overrides)) == {}
