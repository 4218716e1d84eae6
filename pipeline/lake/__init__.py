"""Names in the lake: buckets, keys, databases."""
