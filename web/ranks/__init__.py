"""Ranks: every user of each open period in order, and what clients are told of them."""
