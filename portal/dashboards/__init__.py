"""Charts of the dashboards: the catalogue, the SQL behind each chart, small counts suppressed."""
