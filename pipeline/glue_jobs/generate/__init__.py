"""Generate samples that are too large for one machine."""
