"""Files that commands are told to write: new ones, never over another."""

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
