"""Kafka clients of the web app: threads that keep reading topics, and a producer of scores."""
