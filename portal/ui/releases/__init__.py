"""Components of the page Releases, which the page Run uses too."""
