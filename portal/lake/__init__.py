"""The lake as a whole: back up, restore, verify, purge. Tables and prefixes come from contracts and zones."""
