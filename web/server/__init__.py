"""Hypercorn on asyncio: accept clients, hand connections over, end them; worker processes."""
