"""Ingest over Ray: the same run, its batches in the processes of a Ray cluster.

The cluster is the one that RAY_ADDRESS names, or one on this machine that lives for the run. Run it
from the root of a checkout or image: `python -m flows.ingest_on_ray path/to/unvoiced.toml`. Every
machine of the cluster needs the checkout, and the settings under the same path.
"""

from flows.command_line import end, parse, parser_of
from flows.ingest import ingest
from tasks.on_ray import ray_runner

ingest_on_ray = ingest.with_options(
    name="ingest-on-ray",
    description=__doc__,
    task_runner=ray_runner(),
)


if __name__ == "__main__":
    given = parse(parser_of("ingest_on_ray", __doc__))
    end(ingest_on_ray(given.config, return_state=True))
