"""The command line `hdp`, with one module per noun."""
