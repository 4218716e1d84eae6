"""Mappings of files with columns of no known format: proposals, check before the import, store, approval."""
