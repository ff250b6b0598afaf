"""What the processes of each zone may know."""

import pytest

from deployments.stack.environment import (
    Zone,
    api_url,
    environment_of,
    given_settings,
    prefect_ui_url,
)
from deployments.stack.temporary import temporary_environment, temporary_settings
from flows.common.settings import BadSetting


def environment(zone: Zone, **given: str) -> dict[str, str]:
    given = {"PRODOPS_STATE_DIR": "/state", **given}
    return environment_of(zone, temporary_settings(given), given)


def ours(zone: Zone, **given: str) -> dict[str, str]:
    found = environment(zone, **given)
    return {name: value for name, value in found.items() if name.startswith(("PRODOPS_", "SWF_"))}


def test_the_web_tier_knows_its_own_role_and_no_way_into_prefect():
    assert ours(Zone.WEB, PRODOPS_PREFECT_PASSWORD_FILE="/secret", PRODOPS_PREFECT_PORT="4201") == {
        "PRODOPS_STATE_DIR": "/state",
        "PRODOPS_DATABASE_URL": "postgresql+psycopg://prodops_web@127.0.0.1:54329/prodops",
        "PRODOPS_DATABASE_PASSFILE": "/state/secrets/pgpass.web",
        "PRODOPS_PREFECT_UI_URL": "http://127.0.0.1:4201",
        "PRODOPS_API_COOKIE_KEY_FILE": "/state/secrets/cookie.key",
        "PRODOPS_API_TRUSTED_PROXIES": "127.0.0.1,::1",
    }


@pytest.mark.parametrize("zone", [Zone.OPS, Zone.SERVER])
def test_parts_that_call_the_outside_know_its_proxies_and_keep_loopback_direct(monkeypatch, zone):
    monkeypatch.setenv("HTTPS_PROXY", "http://me:secret@proxy:3128")
    found = environment(zone)
    assert found["https_proxy"] == found["HTTPS_PROXY"] == "http://me:secret@proxy:3128"
    assert found["NO_PROXY"] == "localhost,127.0.0.1,::1"


def test_the_web_tier_calls_nobody_and_sees_no_proxy_s_password(monkeypatch):
    monkeypatch.setenv("HTTPS_PROXY", "http://me:secret@proxy:3128")
    assert "me:secret" not in str(environment(Zone.WEB))


def test_no_part_has_another_time_zone_at_the_database(monkeypatch):
    monkeypatch.setenv("PGTZ", "Asia/Kathmandu")
    assert {environment(zone)["PGTZ"] for zone in Zone} == {"UTC"}


def test_nobody_is_trusted_unasked_where_others_reach_the_api():
    assert "PRODOPS_API_TRUSTED_PROXIES" not in ours(Zone.WEB, PRODOPS_API_HOST="0.0.0.0")


def test_ops_knows_its_role_and_prefect():
    assert ours(Zone.OPS) == {
        "PRODOPS_STATE_DIR": "/state",
        "PRODOPS_DATABASE_URL": "postgresql+psycopg://prodops_ops@127.0.0.1:54329/prodops",
        "PRODOPS_DATABASE_PASSFILE": "/state/secrets/pgpass.ops",
        "PRODOPS_PREFECT_API_URL": "http://127.0.0.1:4200/api",
        "PRODOPS_PREFECT_PASSWORD_FILE": "/state/secrets/prefect.password",
        "PRODOPS_PREFECT_UI_URL": "http://127.0.0.1:4200",
        "PRODOPS_PCS_URL": "http://127.0.0.1:8002",
        "PRODOPS_PCS_TOKEN_FILE": "/state/secrets/pcs.token",
        "PRODOPS_PCS_BLOCK": "prodops-pcs",
        "PRODOPS_XROOTD_BLOCK": "prodops-xrootd",
        "PRODOPS_CANARY_MONITOR_URL": "http://127.0.0.1:8002",
        "PRODOPS_CANARY_TOKEN_FILE": "/state/secrets/canary.token",
    }


def test_ops_names_the_blocks_of_what_is_configured_unless_others_are_given():
    found = ours(Zone.OPS, PANDA_URL_SSL="https://panda.test", PRODOPS_XROOTD_BLOCK="mine")
    assert found["PRODOPS_PANDA_BLOCK"] == "prodops-panda"
    assert found["PRODOPS_XROOTD_BLOCK"] == "mine"
    assert "PRODOPS_RUCIO_LOGS_BLOCK" not in found


def test_an_empty_name_has_the_settings_count():
    assert ours(Zone.OPS, PRODOPS_PCS_BLOCK="")["PRODOPS_PCS_BLOCK"] == ""


def test_ops_keeps_another_pcs_and_its_token():
    given = {"PRODOPS_PCS_URL": "https://pcs.test/swf-monitor", "PRODOPS_PCS_TOKEN_FILE": "/token"}
    assert given.items() <= ours(Zone.OPS, **given).items()


def test_the_web_tier_knows_neither_the_ops_sides_token_nor_panda():
    given = {
        "PRODOPS_PCS_URL": "https://pcs.test",
        "PRODOPS_PCS_TOKEN_FILE": "/token",
        "PANDA_CONFIG_ROOT": "/pathena",
        "PANDA_URL_SSL": "https://panda.test",
        "PRODOPS_PCS_RELAXED": "true",
    }
    assert given.keys() & ours(Zone.WEB, **given).keys() == {"PRODOPS_PCS_RELAXED"}


def test_the_sandboxs_panda_stands_in_the_place_of_any_other():
    environment = ours(Zone.OPS, PRODOPS_SANDBOX_PANDA="true", PANDA_URL_SSL="https://panda.test")
    assert environment["PRODOPS_PANDA_URL_SSL"] == "http://127.0.0.1:25443"
    assert environment["PRODOPS_PANDA_CONFIG_ROOT"] == "/state/sandbox/panda/pathena"


def test_the_servers_know_no_role_of_ours():
    assert ours(Zone.SERVER, PRODOPS_DATABASE_PORT="5000") == {
        "PRODOPS_STATE_DIR": "/state",
        "PRODOPS_DATABASE_PORT": "5000",
    }


def test_given_settings_reach_the_zones_that_read_them():
    given = {"PRODOPS_WORKER_LIMIT": "3", "SWF_TMP_DIR": "/pub", "PRODOPS_FASTMON_SEED": "x"}

    assert given.items() <= ours(Zone.OPS, **given).items()
    assert "PRODOPS_WORKER_LIMIT" not in ours(Zone.WEB, **given)
    assert {"SWF_TMP_DIR": "/pub", "PRODOPS_FASTMON_SEED": "x"}.items() <= ours(
        Zone.WEB, **given
    ).items()


def test_of_the_database_s_settings_the_web_tier_gets_its_pool_only():
    given = {
        "PRODOPS_DATABASE_URL": "postgresql://me@db/prodops",
        "PRODOPS_DATABASE_PASSFILE": "/p",
        "PRODOPS_DATABASE_POOL_SIZE": "9",
        "PRODOPS_DATABASE_BIN_DIR": "/pg/bin",
        "PRODOPS_DATABASE_OS_USER": "postgres",
    }
    web = ours(Zone.WEB, **given)
    assert (
        web["PRODOPS_DATABASE_POOL_SIZE"] == ours(Zone.OPS, **given)["PRODOPS_DATABASE_POOL_SIZE"]
    )
    assert given.items() & web.items() == {
        ("PRODOPS_DATABASE_PASSFILE", "/p"), ("PRODOPS_DATABASE_POOL_SIZE", "9")
    }  # fmt: skip
    assert "PRODOPS_DATABASE_POOL_SIZE" not in ours(Zone.WEB)


@pytest.mark.parametrize("zone", Zone)
def test_a_clients_token_reaches_no_part(zone: Zone):
    assert "sekret" not in environment(zone, PRODOPS_API_TOKEN="sekret").values()
    assert "sekret" not in environment(zone, SWF_API_TOKEN="sekret").values()


def test_nothing_else_of_the_users_environment_is_passed_on(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "sekret")

    assert "sekret" not in environment(Zone.OPS).values()


def test_a_password_in_the_databases_url_is_refused():
    with pytest.raises(BadSetting, match="PRODOPS_DATABASE_PASSFILE"):
        environment(Zone.OPS, PRODOPS_DATABASE_URL="postgresql://u:sekret@db/prodops")


def test_a_database_of_ones_own_is_used_by_two_roles():
    given = {"PRODOPS_DATABASE_URL": "postgresql://db:5/prodops", "PRODOPS_DATABASE_PASSFILE": "/p"}

    web, ops = ours(Zone.WEB, **given), ours(Zone.OPS, **given)

    assert web["PRODOPS_DATABASE_URL"] == "postgresql+psycopg://prodops_web@db:5/prodops"
    assert ops["PRODOPS_DATABASE_URL"] == "postgresql+psycopg://prodops_ops@db:5/prodops"
    assert web["PRODOPS_DATABASE_PASSFILE"] == ops["PRODOPS_DATABASE_PASSFILE"] == "/p"


@pytest.mark.parametrize(
    ("host", "url"),
    [
        ("0.0.0.0", "http://127.0.0.1:8002/swf"),
        ("::1", "http://[::1]:8002/swf"),
        ("10.0.0.1", "http://10.0.0.1:8002/swf"),
    ],
)
def test_the_apis_address_is_one_that_can_be_called(host: str, url: str):
    given = {"PRODOPS_API_HOST": host, "PRODOPS_ROOT_PATH": "/swf"}

    assert api_url(temporary_settings(given)) == url


def test_the_prefect_uis_address_can_be_given():
    assert (
        prefect_ui_url(temporary_settings({"PRODOPS_PREFECT_UI_URL": "https://x"})) == "https://x"
    )


def test_given_settings_come_from_env_file_and_environment(tmp_path, monkeypatch):
    (tmp_path / ".env").write_text("PRODOPS_API_PORT=1\nPRODOPS_ROOT_PATH=/x\nOTHER=1\n")
    monkeypatch.setenv("PRODOPS_API_PORT", "2")

    given = given_settings(tmp_path)

    assert (given["PRODOPS_API_PORT"], given["PRODOPS_ROOT_PATH"]) == ("2", "/x")
    assert "OTHER" not in given


def test_a_temporary_stack_refuses_an_unknown_setting():
    with pytest.raises(BadSetting, match="PRODOPS_NO_SUCH"):
        temporary_environment({"PRODOPS_NO_SUCH": "1"})


def test_temporary_settings_come_from_nowhere_else(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("PRODOPS_API_PORT", "9999")

    assert temporary_settings({}).api.port == 8002
