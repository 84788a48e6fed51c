"""Settings, and what every program derives from them.

`settings.toml` has every setting, `settings` reads and checks them, `clients` derives the
properties of Kafka clients, `logs` sets up logging.
"""
