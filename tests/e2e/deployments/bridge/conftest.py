"""The fixtures of this folder's tests."""

from tests.e2e.deployments.bridge.running import bridge, frail_bridge

__all__ = ["bridge", "frail_bridge"]
