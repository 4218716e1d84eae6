"""The finding that holds the held release of the tests' lake."""

FINDING = ("patients", "PAT-M01")
"""A patient without an identifier."""
