"""Seeded defects: changes of a row, the catalogue of kinds, and seeding with ground truth."""
