"""Components of the quality review: findings, one rule, its conversation, sign-off."""
