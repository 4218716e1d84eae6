"""Queries through Athena: the portal's own, and SQL that people type."""
