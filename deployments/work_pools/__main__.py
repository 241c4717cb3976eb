"""Print a base job template with values of yours as its defaults.

    python -m deployments.work_pools ecs image=IMAGE task_role_arn=ARN ... > eraser.json
    prefect work-pool create unvoiced-eraser --type ecs --base-job-template eraser.json

A pool is for one role: what its runs may do is in the template, and no run chooses it. Names of
variables stand in the template (`ecs.json`, `kubernetes.json`); one that has no default, and is not
given, is refused here rather than at the first run.
"""

import argparse
import json
import sys
from pathlib import Path
from typing import Any

KINDS = ("ecs", "kubernetes")


def load(kind: str) -> dict[str, Any]:
    """The template as it stands here."""
    template: dict[str, Any] = json.loads((Path(__file__).parent / f"{kind}.json").read_text())
    return template


def fill(template: dict[str, Any], values: dict[str, str]) -> dict[str, Any]:
    """The template with these defaults. Raises ValueError for what is unknown, missing, no JSON."""
    variables = template["variables"]
    properties = variables["properties"]
    if unknown := sorted(values.keys() - properties):
        raise ValueError(f"no such variable: {', '.join(unknown)}")
    for name, text in values.items():
        kind = properties[name]["type"]
        properties[name]["default"] = text if kind == "string" else json.loads(text)
    needed = variables.pop("required", [])
    if missing := [name for name in needed if "default" not in properties[name]]:
        raise ValueError(f"needs a value: {', '.join(missing)}")
    return template


def main() -> None:
    """Print it."""
    parser = argparse.ArgumentParser(
        prog="python -m deployments.work_pools",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument("kind", choices=KINDS)
    parser.add_argument("values", nargs="*", metavar="NAME=VALUE")
    given = parser.parse_args()
    values = dict(pair.partition("=")[::2] for pair in given.values)
    try:
        filled = fill(load(given.kind), values)
    except ValueError as error:
        parser.error(str(error))
    sys.stdout.write(json.dumps(filled, indent=2) + "\n")


if __name__ == "__main__":
    main()
