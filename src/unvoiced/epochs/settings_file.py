"""Changing single values of `unvoiced.toml` in place: whole or not at all, comments kept."""

import json
import os
import re
import tomllib
from collections.abc import Mapping
from pathlib import Path

from unvoiced.errors import InputError

_SECTION = re.compile(r"\s*\[(\w+)\]\s*(#.*)?")


def change_settings(path: Path, changes: Mapping[tuple[str, str], str | None]) -> None:
    """Set (section, name) to a text, or take it out where it is None.

    Raises `InputError` where the file is written in a way that this cannot change.
    """
    text = path.read_text(encoding="utf-8")
    wanted = tomllib.loads(text)
    for (section, name), value in changes.items():
        text = _changed(text, section, name, value)
        table = wanted.setdefault(section, {})
        table.pop(name, None)
        if value is not None:
            table[name] = value
    try:
        found = tomllib.loads(text)
    except tomllib.TOMLDecodeError:
        found = {}
    if _without_empty(found) != _without_empty(wanted):
        told = ", ".join(f"[{section}] {name} = {value!r}" for (section, name), value
                         in changes.items())  # fmt: skip
        raise InputError(f"{path} is written in a way that cannot be changed here; set {told}")
    _write(path, text)


def _changed(text: str, section: str, name: str, value: str | None) -> str:
    line = None if value is None else f"{name} = {json.dumps(value)}"
    lines, kept, here, done = text.splitlines(), [], "", False
    for each in lines:
        if match := _SECTION.fullmatch(each):
            here = match[1]
            kept.append(each)
            if here == section and line is not None:
                kept.append(line)
                done = True
        elif here != section or not re.match(rf"\s*{re.escape(name)}\s*=", each):
            kept.append(each)
    if line is not None and not done:
        kept += ["", f"[{section}]", line]
    return "\n".join(kept) + "\n"


def _without_empty(tables: Mapping[str, object]) -> dict[str, object]:
    return {name: table for name, table in tables.items() if table != {}}


def _write(path: Path, text: str) -> None:
    part = path.with_name(f"{path.name}.part")
    descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, path.stat().st_mode & 0o777)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(descriptor)
    part.replace(path)
    folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
