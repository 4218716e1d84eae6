"""Reviews of releases: data queries, decisions on findings, sign-off."""
