"""The schema of a database that another version of prodops made."""

from __future__ import annotations

import pytest
from sqlalchemy import text

from flows.common.database import migrate
from flows.common.settings import BadSetting

pytestmark = pytest.mark.integration


@pytest.mark.parametrize("revision", ["9999", "abcdef012345"])
def test_a_schema_of_a_newer_version_is_left_alone_and_named_in_a_line(database, revision):
    version = database.ops_engine
    with version.begin() as connection:
        ours = connection.scalar(text("SELECT version_num FROM alembic_version"))
        connection.execute(text("UPDATE alembic_version SET version_num = :v"), {"v": revision})
    url = database.ops_url.render_as_string(hide_password=False)
    try:
        with pytest.raises(BadSetting, match=revision) as refused:
            migrate(url, database.ops_passfile)
    finally:
        with version.begin() as connection:
            connection.execute(text("UPDATE alembic_version SET version_num = :v"), {"v": ours})
    assert "\n" not in str(refused.value)
