"""The web app at the broker: threads that keep reading a topic, and a producer of scores."""
