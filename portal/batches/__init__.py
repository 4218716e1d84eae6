"""Batches: inspect the files of an extract, import it, generate sample data, list and retire batches."""
