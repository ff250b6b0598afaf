"""The types of our blocks: what their forms show, and what they never hold."""

import re

import pytest
from pydantic import SecretBytes, SecretStr

from deployments.block_documents.types import block_types, type_of
from flows.common.outsides import OUTSIDES

SECRET = re.compile("password|secret|token|proxy|login|key")
TYPES = pytest.mark.parametrize("block", block_types(), ids=lambda each: each.__name__)


@TYPES
def test_no_field_holds_a_credential_but_the_path_of_its_file(block):
    for name, field in block.model_fields.items():
        if SECRET.search(name):
            assert name.endswith("_file"), name
        assert not {SecretStr, SecretBytes} & {field.annotation}, name
    assert block.model_json_schema()["secret_fields"] == []


@TYPES
def test_every_field_is_described(block):
    properties = block.model_json_schema()["properties"]
    assert [name for name, each in properties.items() if not each.get("description")] == []


@TYPES
def test_a_type_is_described_and_its_page_asks_no_other_host_for_a_picture(block):
    registered = block._to_block_type()
    assert registered.description
    assert registered.logo_url is None
    assert registered.documentation_url is None


def test_an_outside_service_s_type_has_the_name_that_its_documents_are_read_by():
    assert [type_of(each).get_block_type_slug() for each in OUTSIDES] == [
        each.type_slug for each in OUTSIDES
    ]
