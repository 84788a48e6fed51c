"""A posted score: what may be posted, and what became of it."""
