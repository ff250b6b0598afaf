"""The whole pipeline on one machine: PostgreSQL, Prefect, and prodops' own parts, kept alive."""
