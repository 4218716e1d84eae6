"""Releases: the model, the one conditional write that publishes, retention."""
