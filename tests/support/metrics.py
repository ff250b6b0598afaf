"""`/metrics` as Prometheus reads it, for tests."""

from __future__ import annotations

import httpx
from prometheus_client.parser import text_string_to_metric_families


class Scrape:
    """The samples of one scrape."""

    def __init__(self, client: httpx.Client) -> None:
        answer = client.get("/metrics")
        assert answer.status_code == 200, answer.text
        self.text = answer.text
        self.families = {each.name: each for each in text_string_to_metric_families(answer.text)}
        self.samples = [each for family in self.families.values() for each in family.samples]

    def value(self, name: str, **labels: str) -> float | None:
        """The only value of that name with these labels among its own; None where there is none."""
        found = [
            each.value
            for each in self.samples
            if each.name == name and labels.items() <= each.labels.items()
        ]
        assert len(found) <= 1, found
        return found[0] if found else None
