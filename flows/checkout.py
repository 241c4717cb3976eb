"""Where runs of deployments work: the root of the checkout or image that their worker has."""

import os
from pathlib import Path

ROOT = Path(__file__).parents[1]


def enter() -> dict[str, str]:
    """The pull step of every deployment; so none of them names a folder of a machine.

    Whatever imports this very module knows where it stands: a process worker starts runs in an
    empty folder, an image in its own.
    """
    os.chdir(ROOT)
    return {"directory": str(ROOT)}
