"""How a part's failure at the start ends the command."""

from __future__ import annotations

import pytest

from deployments.stack.errors import PartFailed, failed_to_start
from flows.common.settings import BadSetting


@pytest.mark.parametrize(("status", "is_setting"), [(1, False), (2, True), (-9, False)])
def test_a_part_whose_setting_is_bad_ends_the_command_as_that(status, is_setting):
    failed = failed_to_start("postgres", status, "a line\nthe reason\n")
    assert isinstance(failed, PartFailed)
    assert isinstance(failed, BadSetting) is is_setting
    assert str(failed) == "postgres did not start: the reason"
