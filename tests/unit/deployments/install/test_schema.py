"""The settings that the schema is reached by are the operator's, who may have spoilt them."""

from __future__ import annotations

import pytest

from deployments.install.options import Options
from deployments.install.schema import revision, run_as_ops
from deployments.install.steps import InTheWay
from flows.common.settings import BadSetting


def spoilt(options: Options, content: bytes) -> Options:
    options.places.ops_etc.mkdir(parents=True)
    options.places.ops_state.mkdir(parents=True)
    options.places.ops_passfile.write_text("")
    options.places.ops_env.write_bytes(content)
    return options


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "ops.env: PRODOPS_DATABASE_URL is not set"),
        (b"PRODOPS_DATABASE_URL=postgresql://x/y\n", "PRODOPS_DATABASE_PASSFILE is not set"),
        (b"\xff\xfe=1\n", "ops.env is no UTF-8"),
    ],
)
def test_spoilt_settings_are_one_line(options: Options, content: bytes, words: str):
    with pytest.raises(BadSetting, match=words):
        revision(spoilt(options, content))


def test_nothing_is_asked_before_there_are_settings(options: Options):
    assert revision(options) is None


@pytest.mark.slow
def test_what_a_command_refuses_is_said_in_its_words(options: Options):
    needed = b"PRODOPS_DATABASE_URL=postgresql://x/y\nPRODOPS_DATABASE_PASSFILE=/nowhere\n"
    spoilt(options, needed + b"PRODOPS_API_PORTT=1\n")
    with pytest.raises(InTheWay, match=r"`prodops migrate` failed: .*API_PORTT"):
        run_as_ops(options, "migrate")
