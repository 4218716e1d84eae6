"""Results of the data-quality rules: findings, failing rows, the printable report."""
