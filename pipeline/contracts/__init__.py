"""Contracts of tables and rules as Open Data Contract Standard files, and the artifacts derived from them."""
