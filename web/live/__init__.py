"""What the topics bring becomes events, and each event goes to everyone who watches."""
