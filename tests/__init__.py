"""The tests: rules alone, parts with their neighbours, and the whole on a real Kafka."""
