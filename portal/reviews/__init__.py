"""Reviews of held releases: data queries, decisions on findings, sign-off."""
