"""Deployments whose stores are buckets."""

from collections.abc import Callable
from pathlib import Path

from tests.ingest.home import START, STORES, Home
from unvoiced.deployment import Plan, create_deployment


def home_in_buckets(folder: Path, url_of: Callable[[str], str]) -> Home:
    """A new deployment with each of its stores at the url that is given for its name.

    Each is opened once: making a client takes boto3 longer than all that a test asks of it.
    """
    urls = {name: url_of(name) for name in STORES}
    home = Home(create_deployment(folder, START, Plan(stores=urls)))
    return home.on(**{name: home.store(name) for name in STORES})
