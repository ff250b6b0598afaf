"""A Rucio catalogue: where files are, what datasets hold, and registration of new ones.

Needs its address, an account and a credential of it, all passed in; rucio.cfg is not read.
"""

from __future__ import annotations

from blocks.rucio_catalog.access import AuthType, RucioAccess
from blocks.rucio_catalog.catalog import RucioCatalog
from blocks.rucio_catalog.errors import (
    DidNotFound,
    IncompleteAnswer,
    InvalidName,
    NoReplicas,
    ReplicaConflict,
    RucioRefused,
    RucioUnauthorized,
    RucioUnavailable,
)
from blocks.rucio_catalog.names import check_did, check_pattern
from blocks.rucio_catalog.records import (
    Answers,
    Child,
    DatasetFile,
    DatasetReplica,
    DidMetadata,
    FileReplicas,
    NewFile,
    Replica,
    Rule,
)
from blocks.rucio_catalog.registration import RucioRegistration

__all__ = [
    "Answers",
    "AuthType",
    "Child",
    "DatasetFile",
    "DatasetReplica",
    "DidMetadata",
    "DidNotFound",
    "FileReplicas",
    "IncompleteAnswer",
    "InvalidName",
    "NewFile",
    "NoReplicas",
    "Replica",
    "ReplicaConflict",
    "RucioAccess",
    "RucioCatalog",
    "RucioRefused",
    "RucioRegistration",
    "RucioUnauthorized",
    "RucioUnavailable",
    "Rule",
    "check_did",
    "check_pattern",
]
