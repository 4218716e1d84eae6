"""Components of the Data page: list of batches, form for sample data."""
