"""Evaluate quality rules on rows and tables, and compare outcomes."""
