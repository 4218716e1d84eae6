"""Figures, each as a ratio against a peer in the same run: `make bench`. They are read, never asserted."""
