"""Where a run's configuration of the outside comes from: one of two places, never a mixture."""

import pytest

from blocks.documents import BlockName, BlocksUnavailable, BlockUnusable
from flows.common import adapters, sources
from flows.common.credential_paths import credential_paths
from flows.common.outsides import PANDA, PROXY, RUCIO_LOGS
from flows.common.settings import BadSetting, settings
from flows.common.sources import Sources

BLOCK = BlockName("panda-server", "prodops-panda")
OF_BLOCK = {"url_ssl": "https://block.test"}


@pytest.fixture
def given(monkeypatch):
    """Sources by the settings that are given, with documents at Prefect; and what was said."""

    def make(documents=None, said=None, **environment):
        for name, value in environment.items():
            monkeypatch.setenv(f"PRODOPS_{name}", value)
        settings.cache_clear()
        read = documents if callable(documents) else lambda _: documents or {}
        monkeypatch.setattr(sources, "read_documents", read)
        return Sources(settings(), say=[].append if said is None else said.append)

    return make


def test_where_no_block_is_named_the_settings_count(given):
    said = []
    made = given(said=said, PANDA_URL_SSL="https://settings.test", PANDA_TIMEOUT_SECONDS="7")
    found = adapters.panda(made)
    assert (found.url_ssl, found.timeout_seconds) == ("https://settings.test", 7)
    assert said == ["PanDA from the settings"]


def test_a_block_counts_whole_and_nothing_of_the_settings(given):
    said = []
    made = given(
        {BLOCK: OF_BLOCK}, said, PANDA_BLOCK="prodops-panda",
        PANDA_URL_SSL="https://settings.test", PANDA_TIMEOUT_SECONDS="7",
    )  # fmt: skip
    found = adapters.panda(made)
    assert (found.url_ssl, found.timeout_seconds) == ("https://block.test", 30)
    assert said == ["PanDA from block prodops-panda"]


def test_the_paths_of_credentials_that_a_block_names_are_known_to_the_logs(given, tmp_path):
    proxy = tmp_path / "x509up"
    made = given(
        {BlockName("x509-proxy", "ours"): {"proxy_file": str(proxy)}}, RUCIO_LOGS_PROXY_BLOCK="ours"
    )
    with pytest.raises(BlockUnusable) as failed:  # it is not there
        adapters.proxy_file(made)
    assert str(proxy) not in credential_paths.without(str(failed.value))


def test_the_blocks_are_read_once_for_a_run_and_only_when_one_is_used(given):
    reads = []
    made = given(lambda _: reads.append(1) or {BLOCK: OF_BLOCK}, PANDA_BLOCK="prodops-panda")
    assert made.has(PANDA)
    assert not reads
    assert adapters.panda(made) is adapters.panda(made)
    assert reads == [1]


def test_a_block_that_is_not_there_is_said_with_what_to_do(given):
    made = given({}, PANDA_BLOCK="renamed")
    with pytest.raises(BlockUnusable) as failed:
        adapters.panda(made)
    assert str(failed.value) == (
        "setting PRODOPS_PANDA_BLOCK: Prefect has no block panda-server/renamed; "
        "`prodops block sync` makes it where the settings configure that service, "
        "else make it in Prefect's UI"
    )


@pytest.mark.parametrize(
    ("values", "problem"),
    [
        ({"url_ssl": "nowhere"}, "url_ssl: must be an http:// or https:// URL"),
        ({}, "url_ssl: Field required"),
        (OF_BLOCK | {"timeout_seconds": 0}, "timeout_seconds: Input should be greater than 0"),
        (OF_BLOCK | {"timeout_seconds": "soon"}, "timeout_seconds: Input should be a valid number"),
        (OF_BLOCK | {"ca_dir": "/none"}, "ca_dir: /none cannot be used: No such file or directory"),
    ],
)
def test_a_bad_value_of_a_block_is_said_in_one_line(given, values, problem):
    made = given({BLOCK: values}, PANDA_BLOCK="prodops-panda")
    with pytest.raises(BlockUnusable) as failed:
        adapters.panda(made)
    line = "block panda-server/prodops-panda (PRODOPS_PANDA_BLOCK) cannot be used: "
    assert str(failed.value).startswith(line + problem)
    assert "\n" not in str(failed.value)


def test_a_block_that_was_mended_is_used_by_the_next_try(given, monkeypatch):
    made = given({}, PANDA_BLOCK="prodops-panda")
    with pytest.raises(BlockUnusable):
        adapters.panda(made)
    monkeypatch.setattr(sources, "read_documents", lambda _: {BLOCK: OF_BLOCK})
    assert adapters.panda(made).url_ssl == "https://block.test"


def test_a_prefect_that_is_away_for_a_moment_is_waited_for(given, monkeypatch):
    answers = iter([BlocksUnavailable("away"), {BLOCK: OF_BLOCK}])

    def read(_):
        answer = next(answers)
        if isinstance(answer, Exception):
            raise answer
        return answer

    given(read, PANDA_BLOCK="prodops-panda")
    made = Sources(settings(), patience_seconds=5)
    assert adapters.panda(made).url_ssl == "https://block.test"


def test_settings_without_the_service_are_named(given):
    with pytest.raises(BadSetting, match="PRODOPS_PANDA_URL_SSL is unset"):
        adapters.panda(given())


def test_a_bad_setting_is_named(given):
    made = given(RUCIO_LOGS_URL="rucio.test")
    with pytest.raises(BadSetting, match="PRODOPS_RUCIO_LOGS_URL: must be an http"):
        adapters.rucio_logs(made)


def test_a_server_of_rucio_without_a_proxy_of_its_own_gets_that_of_the_proxy_s_block(
    given, tmp_path
):
    proxy = tmp_path / "proxy.pem"
    proxy.write_text("")
    proxy.chmod(0o600)
    logs = {"url": "https://rucio.test", "auth_type": "x509_proxy"}
    documents = {
        BlockName(RUCIO_LOGS.type_slug, "logs"): logs,
        BlockName(PROXY.type_slug, "mine"): {"proxy_file": str(proxy)},
    }
    made = given(documents, RUCIO_LOGS_BLOCK="logs", RUCIO_LOGS_PROXY_BLOCK="mine")
    assert adapters.logs_access(made).proxy_file == proxy


def test_an_empty_name_is_no_name(given):
    made = given(PANDA_BLOCK="", PANDA_URL_SSL="https://settings.test")
    assert adapters.panda(made).url_ssl == "https://settings.test"


def test_a_name_that_prefect_cannot_have_is_refused(given):
    with pytest.raises(BadSetting, match="PRODOPS_PANDA_BLOCK='My PanDA': may hold lower-case"):
        given(PANDA_BLOCK="My PanDA")
