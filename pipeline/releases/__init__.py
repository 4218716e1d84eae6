"""Releases: the model, publishing by one conditional write, retention."""
