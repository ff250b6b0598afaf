"""Tags and datasets by an assistant: page by page, with links."""

from __future__ import annotations

import httpx
import pytest

from tests.pcs_client import COMPOSED, Pcs

pytestmark = pytest.mark.integration


@pytest.fixture
def pcs(api: httpx.Client) -> Pcs:
    return Pcs(api)


@pytest.mark.parametrize(
    ("tool", "arguments"),
    [("pcs_list_tags", {"tag_type": "s"}), ("pcs_search_tags", {"query": "npsim"})],
)
def test_tags_are_read_page_by_page(assistant, pcs, tool, arguments):
    for number in range(3):
        pcs.add("simu-tags", parameters={"detector_sim": "npsim", "sim_version": f"26.{number}"})
    first = assistant.ask(tool, **arguments, limit=2)
    rest = assistant.ask(tool, **arguments, limit=2, offset=2)
    assert (first["count"], first["has_more"], rest["has_more"]) == (3, True, False)
    found = [each["tag_label"] for page in (first, rest) for each in page["tags"]]
    assert found == ["s3", "s2", "s1"]
    assert assistant.ask(tool, **arguments)["count"] == 3
    assert httpx.get(first["monitor_urls"][0]["url"]).status_code == 200


def test_a_tag_and_a_dataset_have_links(assistant, pcs):
    pcs.make_dataset()
    links = [
        assistant.ask("pcs_get_tag", tag_label="p3001")["url"],
        assistant.ask("pcs_dataset_get", name=COMPOSED)["url"],
        assistant.ask("pcs_dataset_intake", source_location="EVGEN/a.csv")["dataset"]["url"],
    ]
    assert [httpx.get(each).status_code for each in links] == [200, 200, 200]
