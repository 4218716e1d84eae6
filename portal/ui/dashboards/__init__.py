"""Components of the dashboards: cards, Plotly figures, filters."""
