"""A block has what the settings of its service have: neither drifts from the other."""

from pkgutil import resolve_name
from typing import Any

import pytest

from flows.common.outsides import OUTSIDES, Outside
from flows.common.settings import GROUPS
from flows.common.settings.storage import RucioSettings

NOT_OF_THE_SERVICE = {
    "pcs": {"relaxed", "services", "panda_monitor_url"},  # PCS's own rules, and the pages' links
    "bus": {
        "client_id", "namespace", "takes_actions", "ops_queue", "scopes", "allows_shutdown",
        "takes_messages", "topic", "publishes", "is_runner", "workflow_queue", "message_bytes",
        "seen_days", "seen_rows", "set_aside_days", "others_queue", "taken_requests",
    },  # what is done on the bus
}  # fmt: skip
LIMITS = ("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "maxLength")
WHOLE = [each for each in OUTSIDES if each.title != "x509 proxy"]


def title(outside: Outside) -> str:
    return outside.document


def limits(schema: dict[str, Any]) -> dict[str, Any]:
    """The bounds of a field, wherever they stand in it."""
    parts = [schema, *schema.get("anyOf", ())]
    return {name: part[name] for part in parts for name in LIMITS if name in part}


@pytest.mark.parametrize("outside", WHOLE, ids=title)
def test_a_block_has_the_fields_of_its_settings(outside):
    group, form = GROUPS[outside.group], resolve_name(outside.form)
    names = {"block", "proxy_block", *NOT_OF_THE_SERVICE.get(outside.group, ())}
    assert set(form.model_fields) == set(group.model_fields) - names


@pytest.mark.parametrize("outside", WHOLE, ids=title)
def test_a_block_has_the_bounds_and_defaults_of_its_settings(outside):
    group = RucioSettings if "rucio" in outside.group else GROUPS[outside.group]
    form = resolve_name(outside.form)
    described = group.model_json_schema(by_alias=False)["properties"]
    for name, schema in form.model_json_schema()["properties"].items():
        assert limits(schema).items() >= limits(described[name]).items(), name
        if not form.model_fields[name].is_required():
            assert form.model_fields[name].default == group.model_fields[name].default, name


@pytest.mark.parametrize("outside", OUTSIDES, ids=title)
def test_a_field_with_a_credential_s_file_is_private(outside):
    form = resolve_name(outside.form)
    secret = {
        name
        for name in form.model_fields
        if name.endswith("_file") and name not in {"ca_file", "certificate_file"}
    }
    assert secret == form.PRIVATE


def test_no_two_documents_have_one_name():
    assert len({each.document for each in OUTSIDES}) == len(OUTSIDES)
