"""The fixture of this folder's tests."""

from tests.e2e.deployments.bridge.running import bridge

__all__ = ["bridge"]
