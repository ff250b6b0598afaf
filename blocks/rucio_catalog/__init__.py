"""A Rucio catalogue: where files are, what datasets hold, and registration of new ones.

Needs its address, an account and a credential of it, all passed in; rucio.cfg is not read.
"""

from __future__ import annotations

from blocks.rucio_catalog.access import AuthType, RucioAccess
from blocks.rucio_catalog.catalog import RucioCatalog
from blocks.rucio_catalog.errors import DidNotFound, IncompleteAnswer, NoReplicas, RucioUnauthorized
from blocks.rucio_catalog.records import (
    DatasetFile,
    DatasetReplica,
    DidMetadata,
    FileReplicas,
    NewFile,
    Replica,
)
from blocks.rucio_catalog.registration import RucioRegistration

__all__ = [
    "AuthType",
    "DatasetFile",
    "DatasetReplica",
    "DidMetadata",
    "DidNotFound",
    "FileReplicas",
    "IncompleteAnswer",
    "NewFile",
    "NoReplicas",
    "Replica",
    "RucioAccess",
    "RucioCatalog",
    "RucioRegistration",
    "RucioUnauthorized",
]
