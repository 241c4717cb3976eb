"""Automations of a Prefect server: what is to happen by itself. Each is a YAML file here."""
