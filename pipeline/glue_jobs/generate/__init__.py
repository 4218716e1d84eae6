"""Sample data beyond one machine's size."""
