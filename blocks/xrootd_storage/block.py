"""The Prefect block of storage that is read over XRootD."""

from __future__ import annotations

from prefect.blocks.core import Block

from blocks.xrootd_storage.configuration import XrootdConfiguration


class XrootdStorageBlock(XrootdConfiguration, Block):
    """How files are read from XRootD doors, and how long that may take."""

    _block_type_name = "XRootD storage"
    _block_type_slug = "xrootd-storage"
    _description = "How files are read from XRootD doors, and how long that may take."
