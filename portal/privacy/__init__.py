"""Suppression of small counts, in the tables that viewers see and in SQL results."""
