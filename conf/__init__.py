"""Settings, and what every program derives from them.

`settings.toml` has every setting, `settings` says what each may be, `environment` and `loading`
read them, `clients` derives the properties of Kafka clients, `logs` sets up logging.
"""
