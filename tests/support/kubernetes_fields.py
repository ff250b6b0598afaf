"""Which fields of a manifest the models of Kubernetes' API do not know, or know of another type.

Run where prefect-kubernetes is, which brings those models.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from kubernetes_asyncio.client import models

_LIST = re.compile(r"list\[(.+)\]")
_MAP = re.compile(r"dict\(str, (.+)\)")
_PLAIN = {"str": str, "int": int, "bool": bool, "float": (int, float)}
_REQUIRED = {
    "V1Container": {"name", "image"},
    "V1EnvVar": {"name"},
    "V1JobSpec": {"template"},
    "V1PodSpec": {"containers", "restartPolicy"},  # of a Job's; by itself the API defaults it
    "V1SecretKeySelector": {"key"},
    "V1Volume": {"name"},
    "V1VolumeMount": {"name", "mountPath"},
}


def problems(value: Any, kind: str, path: str = "") -> Iterator[str]:
    """What is wrong with a value that is to be of this kind, by its path."""
    if found := _LIST.fullmatch(kind):
        if not isinstance(value, list):
            yield f"{path} is no list"
            return
        for number, each in enumerate(value):
            yield from problems(each, found[1], f"{path}[{number}]")
    elif found := _MAP.fullmatch(kind):
        if not isinstance(value, dict):
            yield f"{path} is no mapping"
            return
        for name, each in value.items():
            yield from problems(each, found[1], f"{path}.{name}")
    elif kind in _PLAIN:
        is_bool = isinstance(value, bool)
        if not isinstance(value, _PLAIN[kind]) or is_bool is not (kind == "bool"):
            yield f"{path} is no {kind}"
    elif hasattr(models, kind):
        yield from _of_model(value, kind, path)
    else:
        yield f"{path} is of {kind}, which is not looked into"


def _of_model(value: Any, kind: str, path: str) -> Iterator[str]:
    if not isinstance(value, dict):
        yield f"{path} is no {kind}"
        return
    model = getattr(models, kind)
    types = {model.attribute_map[name]: of for name, of in model.openapi_types.items()}
    for name in sorted(value.keys() - types.keys()):
        yield f"{path}.{name} is no field of {kind}"
    for name in sorted(_REQUIRED.get(kind, set()) - value.keys()):
        yield f"{path}.{name} is missing"
    for name in value.keys() & types.keys():
        yield from problems(value[name], types[name], f"{path}.{name}")
