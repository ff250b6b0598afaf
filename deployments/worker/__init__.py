"""The warm worker. Prefect finds its worker type here, through the package's entry point."""
