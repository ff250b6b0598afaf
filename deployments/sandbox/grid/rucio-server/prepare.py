"""Completes Rucio's database: schema, accounts, identities, scopes, RSEs. Run as often as wanted.

`python prepare.py FILE`: the JSON file says what there shall be (see rucio_server.py).
"""  # noqa: INP001 - no package: a program of another environment

from __future__ import annotations

import contextlib
import json
import sys
from pathlib import Path
from typing import Any

from rucio.common.exception import Duplicate
from rucio.common.types import InternalAccount, InternalScope
from rucio.core import rse as rses
from rucio.core.account import (
    account_exists,
    add_account,
    add_account_attribute,
    has_account_attribute,
)
from rucio.core.identity import add_account_identity, add_identity, exist_identity_account
from rucio.core.scope import add_scope, check_scope
from rucio.core.vo import vo_exists
from rucio.db.sqla import models, session
from rucio.db.sqla.constants import AccountType, DatabaseOperationType, IdentityType, RSEType
from rucio.db.sqla.util import create_base_vo, create_root_account

_VO = "def"
_EMAIL = "sandbox@localhost"


def main() -> None:
    """Read the file and bring the database there."""
    wanted = json.loads(Path(sys.argv[1]).read_text())
    root = InternalAccount("root", vo=_VO)
    models.register_models(session.get_engine())
    with session.db_session(DatabaseOperationType.READ) as opened:
        has_vo = vo_exists(_VO, session=opened)
        has_root = account_exists(root, session=opened)
    if not has_vo:
        create_base_vo()
    if not has_root:
        create_root_account()
    with session.db_session(DatabaseOperationType.WRITE) as opened:
        for account in wanted["accounts"]:
            _account(account, opened)
        for scope in (InternalScope(name, vo=_VO) for name in wanted["scopes"]):
            if not check_scope(scope, session=opened):
                add_scope(scope, root, session=opened)
        for rse in wanted["rses"]:
            _rse(rse, opened)
        _move_others(wanted, opened)


def _account(wanted: dict[str, Any], opened: Any) -> None:
    account = InternalAccount(wanted["name"], vo=_VO)
    if not account_exists(account, session=opened):
        add_account(account, AccountType.SERVICE, _EMAIL, session=opened)
    if wanted["is_admin"] and not has_account_attribute(account, "admin", session=opened):
        add_account_attribute(account, "admin", True, session=opened)
    kinds = ((wanted["user"], IdentityType.USERPASS), (wanted.get("dn"), IdentityType.X509))
    for identity, kind in kinds:
        if identity is None or exist_identity_account(identity, kind, account, session=opened):
            continue
        password = wanted["password"] if kind is IdentityType.USERPASS else None
        with contextlib.suppress(Duplicate):
            add_identity(identity, kind, _EMAIL, password=password, session=opened)
        add_account_identity(
            identity, kind, account, _EMAIL, default=True, password=password, session=opened
        )


def _move_others(wanted: dict[str, Any], opened: Any) -> None:
    """Let RSEs that were made later lead to where the open door is now."""
    wished = {rse["rse"] for rse in wanted["rses"]}
    for known in rses.list_rses(session=opened):
        if known["rse"] not in wished:
            protocol = dict(wanted["other_protocol"])
            protocol["prefix"] = protocol["prefix"].replace("{rse}", known["rse"])
            _lead(known["id"], protocol, opened)


def _rse(wanted: dict[str, Any], opened: Any) -> None:
    if not rses.rse_exists(wanted["rse"], vo=_VO, session=opened):
        kind = RSEType[wanted["rse_type"]]
        rses.add_rse(wanted["rse"], vo=_VO, rse_type=kind, session=opened)
    rse_id = rses.get_rse_id(wanted["rse"], vo=_VO, session=opened)
    if not rses.list_rse_attributes(rse_id, session=opened).get("lfn2pfn_algorithm"):
        rses.add_rse_attribute(rse_id, "lfn2pfn_algorithm", "eic", session=opened)
    _lead(rse_id, wanted["protocol"], opened)


def _lead(rse_id: str, protocol: dict[str, Any], opened: Any) -> None:
    for old in rses.get_rse_protocols(rse_id, session=opened)["protocols"]:
        rses.del_protocols(rse_id, old["scheme"], old["hostname"], old["port"], session=opened)
    rses.add_protocol(rse_id, protocol, session=opened)


if __name__ == "__main__":
    main()
