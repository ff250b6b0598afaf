"""The outside services, as `prodops block check` checks them: a check of the doctor for each."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import partial
from typing import Any, Final

from blocks.documents import BlockName, BlocksUnavailable
from deployments.block_documents.checking import MAIL_RELAY, Checking
from deployments.doctor.findings import Check, Finding, ok, problem, skipped
from deployments.doctor.site import Site
from flows.common.outsides import (
    BROKER,
    PANDA,
    PCS,
    PROXY,
    RUCIO_LOGS,
    RUCIO_PRODUCED,
    XROOTD,
    Outside,
)
from flows.common.settings import BadSetting
from flows.common.sources import prefect_api, read_documents, setting_of

_WITHIN: Final = 0.8  # of the check's own time, so that it says itself which question hangs
_NAMES: Final = {
    "panda": PANDA,
    "pcs": PCS,
    "rucio-logs": RUCIO_LOGS,
    "rucio-produced": RUCIO_PRODUCED,
    "xrootd": XROOTD,
    "proxy": PROXY,
    "broker": BROKER,
}
_PLEASE: Final[Mapping[str, str]] = {
    "paths": "put the file there, readable by this user alone, or correct its setting",
    "values": "correct the value in the block or the setting",
    "what it needs": "mend what it says first",
    "token": "sign in again: docs/how-to/renew-the-panda-token.md",
    "proxy": "make the proxy anew (voms-proxy-init), at the path that is set, with mode 0600",
    "whoami": "correct the account or its credential: docs/how-to/connect-rucio-and-xrootd.md",
}
_REACH: Final = (
    "see whether it is up and can be reached from here (its operators' news, firewall, HTTP proxy)"
)


def _outside(outside: Outside, site: Site) -> Iterator[Finding]:
    configured = site.settings
    name = outside.name_in(configured)
    if name is None and not outside.is_in(configured):
        setting = setting_of(outside, str(outside.address))
        yield skipped(f"it is not configured (setting {setting})")
        return
    if name is None:
        yield from _found(
            site, BlockName(outside.type_slug, "settings"), outside.values(configured)
        )
        return
    block = BlockName(outside.type_slug, name)
    try:
        documents = read_documents(configured)
    except (BlocksUnavailable, BadSetting):  # which the check of Prefect says
        yield skipped("Prefect does not give its block; mend first: prefect")
        return
    if block in documents:
        yield from _found(site, block, documents[block])
    else:
        setting = setting_of(outside, outside.named_by)
        advice = f"`prodops block sync` makes it from the settings; else correct {setting}"
        yield problem(f"Prefect has no block {block}", advice)


def _mail(site: Site) -> Iterator[Finding]:
    name = site.settings.provenance.mail_block
    if name is None:
        yield skipped("it is not configured (setting PRODOPS_PROVENANCE_MAIL_BLOCK)")
        return
    block = BlockName(MAIL_RELAY, name.rpartition("/")[2])
    documents = prefect_api(site.settings).documents([block])
    if block in documents:
        yield from _found(site, block, documents[block])
    else:  # another type of Prefect's, which it sends through itself
        yield ok(f"reports go through Prefect's block {name}, which is not looked at")


def _found(site: Site, block: BlockName, values: Mapping[str, Any]) -> Iterator[Finding]:
    checking = Checking(site.settings, _WITHIN * site.timeout_seconds)
    for each in checking.one_by_one(block, values):
        if each.is_good:
            yield ok(each.text, about=each.what)
        else:
            yield problem(each.text, _PLEASE.get(each.what, _REACH), about=each.what)


CHECKS = (
    *(
        Check(
            name=name,
            summary=f"whether the {outside.title} can be used",
            look=partial(_outside, outside),
            needs=("settings",),
            is_for_ops=True,
        )
        for name, outside in _NAMES.items()
    ),
    Check(
        name="mail",
        summary="whether the mail relay of the reports takes our login",
        look=_mail,
        needs=("prefect",),
        is_for_ops=True,
    ),
)
