"""Settings, and what every program derives from them.

`settings.toml` has every setting, `settings` defines the valid values, `environment` and `loading`
read them, `python -m conf` prints them, `clients` derives the properties of Kafka clients, `logs`
sets up logging. `version` is that of all programs, `arguments` what several of them take.
`monitoring/` is for Prometheus and Grafana.
"""
