"""Releases: the model, hashes of their files, publishing by one conditional write, retention."""
