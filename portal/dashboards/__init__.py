"""Charts of the dashboards: the catalogue, the SQL, and views with small counts suppressed."""
