"""What can be set: `settings.toml` holds every value, `settings` reads and checks it."""
