"""`python -m deployments.cli.testbed`."""

from deployments.cli.testbed import main

main()
