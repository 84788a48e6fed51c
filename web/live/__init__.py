"""The live streams: what the topic readers deliver becomes events, and every client gets each."""
