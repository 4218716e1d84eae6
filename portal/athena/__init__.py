"""Athena queries: the portal's own, and SQL that users type."""
