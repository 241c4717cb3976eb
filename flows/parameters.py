"""What several flows take. Prefect shows a parameter with its text under the flow's `Args:`."""

import os
from typing import Annotated

from pydantic import AfterValidator, Field

from unvoiced.config import FILE_NAME


def settings_of(config: str) -> str:
    """The path of the settings: the one given, or what UNVOICED_CONFIG names on this machine, or
    `unvoiced.toml` in the current folder.
    """
    return config or os.environ.get("UNVOICED_CONFIG") or FILE_NAME


# Where runs take it from their worker, a deployment names no path of any machine.
Config = Annotated[str, AfterValidator(settings_of), Field(validate_default=True)]
