"""Batches of raw extracts: inspect, import, generate, list, retire."""
