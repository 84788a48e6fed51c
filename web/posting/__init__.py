"""A posted score: which posts are accepted, and the outcome of one that is written."""
