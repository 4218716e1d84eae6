"""Components of the run pages: graph, timeline, log, failure."""
