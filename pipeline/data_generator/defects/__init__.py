"""Seeded defects: the changes they make to a row, the catalog of kinds, and seeding with ground truth."""
