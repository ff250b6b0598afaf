"""The fixture of this folder's tests."""

from tests.e2e.deployments.testbed.bed import bed

__all__ = ["bed"]
