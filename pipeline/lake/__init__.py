"""Names in the lake (buckets, keys, databases) and its JSON objects."""
