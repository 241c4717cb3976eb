"""The steps of the flows, as Prefect tasks: names, retries, artifacts; a few lines each."""
