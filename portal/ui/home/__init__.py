"""Homes by role, and what a page shows before the first release."""
