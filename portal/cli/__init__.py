"""The command line `hdp`: one module a noun."""
