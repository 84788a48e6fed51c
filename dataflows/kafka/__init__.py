"""Kafka for both flows: reading, writing, and the topics themselves."""
