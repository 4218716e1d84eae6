"""Fixtures for pages of all kinds."""

from tests.support import page_drivers

empty_lake = page_drivers.empty_lake
