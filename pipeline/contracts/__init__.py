"""Tables and rules as Open Data Contract Standard files, and what is derived from them."""
