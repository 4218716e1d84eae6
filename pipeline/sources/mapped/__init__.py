"""Files with columns of no known format, converted by a mapping that a person confirmed."""
