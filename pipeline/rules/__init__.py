"""Evaluate row rules, and compare rule outcomes between runs.

Rules on whole tables are evaluated by `pipeline.glue_jobs.quality.audit.measure`.
"""
