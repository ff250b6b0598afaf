"""The dashboard is one that Grafana imports, anywhere."""

from __future__ import annotations

import json

from deployments.monitoring import dashboard


def panels():
    return json.loads(dashboard.text())["panels"]


def test_panels_do_not_overlap_and_have_ids_of_their_own():
    taken = set()
    for each in panels():
        at = each["gridPos"]
        cells = {
            (x, y)
            for x in range(at["x"], at["x"] + at["w"])
            for y in range(at["y"], at["y"] + at["h"])
        }
        assert at["x"] + at["w"] <= 24
        assert not taken & cells
        taken |= cells
    assert len({each["id"] for each in panels()}) == len(panels())


def test_the_datasource_is_the_reader_s_choice():
    sources = [
        each["datasource"]["uid"]
        for panel in panels()
        for each in [*panel.get("targets", []), *([panel] if "datasource" in panel else [])]
    ]
    assert set(sources) == {"${datasource}"}
    names = [each["name"] for each in json.loads(dashboard.text())["templating"]["list"]]
    assert names == ["datasource", "instance"]
