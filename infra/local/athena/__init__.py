"""Athena of the laptop cloud: DuckDB over the files of the Glue catalog's tables."""

from infra.local.athena.api import install as install
