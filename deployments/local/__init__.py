"""A Prefect server and a worker on this machine: `make up`, `make down`."""
