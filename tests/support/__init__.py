"""Shared test helpers: builders, fakes, and a lake with runs that is created once per state of the code."""
