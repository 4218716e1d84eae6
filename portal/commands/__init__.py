"""The subcommands of `hdp`, one module a noun; each asks the same services as the pages."""
