"""Hypercorn on asyncio: connections are accepted, handed over and ended; worker processes."""
