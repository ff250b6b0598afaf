"""A client of the embedded PCS for tests: makes tags, datasets, configurations and tasks."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import httpx

TAGS = {
    "physics": {
        "category": 3,
        "parameters": {
            "process": "DIS NC",
            "beam_energy_electron": "10",
            "beam_energy_hadron": "100",
        },
    },
    "evgen": {"parameters": {"generator": "pythia8", "generator_version": "8.316"}},
    "simu": {"parameters": {"detector_sim": "npsim", "sim_version": "26.02.0"}},
    "reco": {"parameters": {"reco_version": "26.02.0", "reco_config": "default"}},
}
DATA = {
    "exec_command": "./my_script.sh",
    "official": True,
    "n_jobs": 1,
    "no_build": True,
    "skip_scout": True,
    "outputs": "myout.txt",
}
CONFIG = {
    "container_image": "docker://eicweb/jug_xl:26.02.0-stable",
    "panda_site": "BNL_PanDA_1",
    "panda_working_group": "EIC.production",
    "data": DATA,
}
COMPOSED = "group.EIC.26.02.0.epic_craterlake.p3001.e1.s1.r1"


@dataclass
class Pcs:
    """The embedded PCS, as one user sees it."""

    http: httpx.Client
    tags: dict[str, str] = field(default_factory=dict)
    user: str | None = None

    def send(self, method: str, path: str, body: object = None, **query: object) -> httpx.Response:
        json = {} if body is None else {"json": body}
        headers = {"Content-Type": "application/json"}
        headers |= {"X-Remote-User": self.user} if self.user else {}
        return self.http.request(
            method,
            f"/pcs/api/{path}",
            params=query,
            headers=headers,
            follow_redirects=False,
            **json,
        )

    def good(self, method: str, path: str, body: object = None, **query: object) -> Any:
        answer = self.send(method, path, body, **query)
        assert answer.status_code in {200, 201, 202}, answer.text
        return answer.json()

    def add(self, path: str, **body: object) -> Any:
        answer = self.send("POST", f"{path}/", body)
        assert answer.status_code == 201, answer.text
        return answer.json()

    def make_tags(self, *, is_locked: bool = True) -> dict[str, str]:
        """One tag of each kind that a dataset needs, by its label."""
        if not self.tags:
            self.add("physics-categories", digit=3, name="DIS")
            for kind, body in TAGS.items():
                tag = self.add(f"{kind}-tags", **body)
                self.tags[f"{kind}_tag"] = tag["tag_label"]
                if is_locked:
                    self.good("POST", f"{kind}-tags/{tag['tag_number']}/lock/")
        return self.tags

    def make_dataset(self, *, is_locked: bool = True, **more: object) -> Any:
        body = {"detector_version": "26.02.0", "detector_config": "epic_craterlake"}
        return self.add("datasets", **body | self.make_tags(is_locked=is_locked) | more)

    def make_task(self, name: str = "dis-10x100", **more: Any) -> Any:
        """A draft task with a dataset and a configuration of its own."""
        sample = more.pop("sample", name)
        locked = more.pop("is_locked", True)
        config = more.pop("config", CONFIG)
        dataset = self.make_dataset(sample_name=sample, is_locked=locked)
        made = self.add("prod-configs", name=f"config of {name}", **config)
        return self.add(
            "prod-tasks", name=name, dataset=dataset["id"], prod_config=made["id"], **more
        )

    def make_ready(self, name: str = "dis-10x100", **more: Any) -> Any:
        self.make_task(name, **more)
        return self.good("POST", f"prod-tasks/{name}/lock/")

    def submit(self, name: str = "dis-10x100") -> Any:
        return self.good("POST", f"prod-tasks/{name}/submit/")

    def task(self, name: str = "dis-10x100") -> Any:
        return self.good("GET", f"prod-tasks/{name}/")

    def record(self, name: str = "dis-10x100", **body: object) -> httpx.Response:
        return self.send("POST", "prod-tasks/record-submission/", body, name=name)
