"""Components of the data page: the batches, the form for sample data."""
