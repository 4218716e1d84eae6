"""The pages of the app, one module per page."""
