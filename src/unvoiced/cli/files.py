"""Files that commands are told to write: new ones, never into another.

What is written anew each time takes the place of what stood under its name; a link there is
replaced and not followed.
"""

import os
import tempfile
from contextlib import suppress
from pathlib import Path

from unvoiced.errors import InputError


def refuse_to_replace(*outputs: Path | None) -> None:
    """Raises `InputError` before any work is done for a file that could not be written then."""
    for output in outputs:
        if output is None:
            continue
        if output.exists():
            raise InputError(f"{output} is there already and is not overwritten")
        if not output.parent.is_dir():
            raise InputError(f"{output.parent} is not a folder, so {output.name} cannot be written")


def write_new(output: Path, data: bytes) -> None:
    """Write a file that is not there yet. Raises `InputError` where one is by now."""
    try:
        with output.open("xb") as file:
            file.write(data)
    except FileExistsError:
        raise InputError(f"{output} is there already and is not overwritten") from None


def write_anew(output: Path, data: bytes) -> None:
    """Put a new file, for its owner alone, in the place of whatever has this name.

    Raises `InputError` where that is a folder, or there is none to hold it.
    """
    try:
        descriptor, begun = tempfile.mkstemp(prefix=f".{output.name}.", dir=output.parent)  # 0600
        try:
            with os.fdopen(descriptor, "wb") as file:
                file.write(data)
            Path(begun).replace(output)
        except BaseException:
            with suppress(OSError):
                Path(begun).unlink()
            raise
    except OSError as error:
        raise InputError(f"{output}: {error.strerror}") from None
