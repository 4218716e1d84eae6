"""Runs of the pipeline: start, watch, stop, resume; their history, failures, alerts and schedule."""
