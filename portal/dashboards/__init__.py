"""Charts of the dashboards: the catalog, the SQL, and views with small counts suppressed."""
