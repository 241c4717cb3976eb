"""Base job templates of Prefect work pools that run each flow in a container of its own."""
