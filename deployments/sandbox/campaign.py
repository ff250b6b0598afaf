"""A small campaign at PCS, made over its REST, with tasks that are ready to be submitted."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import httpx

from blocks.closing import Closing
from blocks.errors import ProdOpsError

DETECTOR_VERSION: Final = "26.11.0"
DETECTOR_CONFIG: Final = "epic_craterlake"
_CATEGORY: Final = {"name": "DIS", "description": "Deep inelastic scattering."}
_DIGITS: Final = (3, 1, 2, 4, 5, 6, 7, 8, 9)  # of categories, as tried
_TAGS: Final = {
    "physics": {"process": "NC", "beam_energy_electron": "10", "beam_energy_hadron": "100"},
    "evgen": {"generator": "pythia8", "generator_version": "8.316"},
    "simu": {"detector_sim": "npsim", "sim_version": "1.5.0"},
    "reco": {"reco_version": "1.25.0", "reco_config": "default"},
}
_CONFIG: Final = {
    "container_image": "docker://eicweb/eic_xl:26.11.0-stable",
    "panda_site": "BNL_PanDA_1",
    "panda_working_group": "EIC.production",
    "data": {
        "exec_command": "echo %RNDM=0",
        "official": True,
        "n_jobs": 1,
        "no_build": True,
        "skip_scout": True,
        "outputs": "hits.root",
    },
}


class CampaignNotMade(ProdOpsError):
    """PCS did not take a part of the campaign."""


class CampaignMaker(Closing):
    """Makes tags, a configuration and tasks at a PCS, in one user's name."""

    def __init__(self, api_url: str, token: str) -> None:
        """Know where PCS is.

        Args:
            api_url: Address of the API, up to its /pcs/api.
            token: A token that may write; its owner owns what is made.
        """
        self._client = httpx.Client(
            base_url=f"{api_url}/pcs/api/",
            headers={"Authorization": f"Token {token}"},
            timeout=30,
        )

    def close(self) -> None:
        """Close the connections."""
        self._client.close()

    def make(
        self, samples: Sequence[str], *, config: dict[str, Any] | None = None, lock: bool = True
    ) -> list[str]:
        """Make a task for each sample; gives their stored names, in the samples' order.

        Args:
            samples: Sample names, each a part of its task's name.
            config: Columns of the production configuration that differ.
            lock: Whether the tasks are made ready.

        Raises:
            CampaignNotMade: PCS refuses a part.
        """
        tags = {kind: self._tag(kind, parameters) for kind, parameters in _TAGS.items()}
        config_id = self._config({**_CONFIG, **(config or {})})
        return [self._task(sample, tags, config_id, lock=lock) for sample in samples]

    def _tag(self, kind: str, parameters: dict[str, str]) -> int:
        body: dict[str, Any] = {"description": "sandbox", "parameters": parameters}
        if kind == "physics":
            body["category"] = self._category()
        tag = self._post(f"{kind}-tags/", body)
        self._post(f"{kind}-tags/{tag['tag_number']}/lock/", {})
        return int(tag["id"])

    def _category(self) -> int:
        """The category's digit; an imported campaign may have made it under any."""
        digits = {
            each["name"]: each["digit"] for each in self._client.get("physics-categories/").json()
        }
        if (known := digits.get(_CATEGORY["name"])) is not None:
            return int(known)
        free = next(digit for digit in _DIGITS if digit not in digits.values())
        return int(self._post("physics-categories/", {"digit": free, **_CATEGORY})["digit"])

    def _config(self, columns: dict[str, Any]) -> int:
        present = self._client.get("prod-configs/").json()
        name = f"sandbox-{len(present) + 1}"
        return int(self._post("prod-configs/", {"name": name, **columns})["id"])

    def _task(self, sample: str, tags: dict[str, int], config_id: int, *, lock: bool) -> str:
        dataset = self._post(
            "datasets/",
            {
                "scope": "group.EIC",
                "detector_version": DETECTOR_VERSION,
                "detector_config": DETECTOR_CONFIG,
                "sample_name": sample,
                **{f"{kind}_tag": tag for kind, tag in tags.items()},
            },
        )
        task = self._post(
            "prod-tasks/",
            {"name": sample, "dataset": dataset["id"], "prod_config": config_id},
        )
        name = str(task["name"])
        if lock:
            self._post(f"prod-tasks/{name}/lock/", {})
        return name

    def _post(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        answer = self._client.post(path, json=body)
        if not answer.is_success:
            raise CampaignNotMade(f"POST {path}: {answer.status_code} {answer.text}")
        made: dict[str, Any] = answer.json()
        return made
