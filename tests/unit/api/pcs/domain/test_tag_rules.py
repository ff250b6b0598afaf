"""What each kind of tag has to say."""

from __future__ import annotations

import pytest

from api.pcs.domain import tag_rules
from api.pcs.models import TagKind


@pytest.mark.parametrize("kind", TagKind)
def test_a_tag_says_what_its_kind_has_to(kind):
    missing = tag_rules.parameter_problems(kind, {})
    assert missing == [f"{name} is required." for name in tag_rules.REQUIRED[kind]]
    whole = dict.fromkeys(tag_rules.REQUIRED[kind], "x")
    assert tag_rules.parameter_problems(kind, whole | {"else": "y"}) == []
    assert tag_rules.parameter_problems(kind, whole | {"else": [1]})
