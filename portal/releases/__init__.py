"""Releases of the gold star schema: list, publish, roll back; their signatures."""
