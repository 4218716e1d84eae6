"""The append-only review log, and the acceptances that follow from it."""
