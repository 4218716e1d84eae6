"""Data-quality rules: evaluated on rows, compared with the published release."""
