"""A compose service's process without a container engine: its root file system read-only, its
user, mounts, environment and command as `compose.yaml` and the Dockerfile say them.

What is the same: the mounts and their options, the user, no capability, no new privileges, entry
point and environment. What is not: the programs are this machine's, the network is not parted, and
nothing limits memory or processes.
"""

import re
import shlex
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "deployments" / "container"
USER = 10001
# As in the final stage; the virtual environment of the tests stands in for the image's.
_COPIED = ("pyproject.toml", "flows", "tasks", "deployments")


def services(variables: Mapping[str, str]) -> dict[str, dict[str, Any]]:
    """The services of compose.yaml, with `${NAME:?}` and `${NAME:-default}` put in."""

    def value(found: re.Match[str]) -> str:
        name, _, default = found[1].partition(":")
        return variables.get(name, default.removeprefix("-"))

    text = re.sub(r"\$\{([^}]+)\}", value, (FOLDER / "compose.yaml").read_text())
    whole = yaml.safe_load(text)
    for service in whole["services"].values():
        service["secrets"] = {
            name: Path(whole["secrets"][name]["file"]) for name in service.get("secrets", ())
        }
    return dict(whole["services"])


def env_file(file: Path) -> dict[str, str]:
    """The variables of an env file."""
    lines = [line for line in file.read_text().splitlines() if line and not line.startswith("#")]
    return dict(line.split("=", 1) for line in lines)


def image() -> dict[str, list[str]]:
    """The instructions of the Dockerfile's final stage, by their word, continued lines joined."""
    text = re.sub(r"\\\n\s*", "", (FOLDER / "Dockerfile").read_text())
    stage = text.rsplit("\nFROM ", 1)[1]
    found: dict[str, list[str]] = {}
    for line in stage.splitlines()[1:]:
        if line and not line.startswith("#"):
            word, _, rest = line.partition(" ")
            found.setdefault(word, []).append(rest)
    return found


def image_environment() -> dict[str, str]:
    """What the image sets."""
    return dict(pair.split("=", 1) for line in image()["ENV"] for pair in shlex.split(line))


@dataclass(frozen=True)
class Contained:
    """A service as it is run here; `folder` is for what this needs itself."""

    folder: Path
    service: Mapping[str, Any]
    settings: Mapping[str, str] = field(default_factory=dict)  # over those of the env file

    def command(self, *arguments: str) -> list[str]:
        """What to execute as root, to have the service's command (or another) run in its place."""
        environment = image_environment() | {
            "LANG": "C.UTF-8",
            "PYTHONPATH": "/app:/app/src",  # the package is not installed, as it is in the image
        }
        for name in self.service.get("env_file", ()):
            environment |= env_file(FOLDER / name)
        environment |= self.settings
        uid, gid = self.service["user"].split(":")
        entry = ["/opt/venv/bin/python", "-I", "-S", "/app/deployments/container/entry.py"]
        inside = [
            "chroot", str(self._root), "env", "-i", "--chdir=/app",
            *(f"{name}={value}" for name, value in environment.items()),
            "setpriv", "--reuid", uid, "--regid", gid, "--clear-groups", "--no-new-privs",
            "--bounding-set=-all", "--inh-caps=-all",
            *entry, *(arguments or self.service["command"]),
        ]  # fmt: skip
        script = "\n".join(["set -eu", *self._mounts(), f"exec {shlex.join(inside)}"])
        return ["unshare", "--mount", "--propagation", "private", "sh", "-c", script]

    @property
    def _root(self) -> Path:
        return self.folder / "root"

    def _mounts(self) -> list[str]:
        """Shell lines that make the root file system and close it."""
        root = shlex.quote(str(self._root))
        lines = [f"mkdir -p {root}", f"mount -t tmpfs -o mode=0755,size=4m none {root}"]
        lines += [*self._system(), *self._temporary()]
        # Programs in the tests' virtual environment name their interpreter by its own path.
        lines += self._bind(Path(sys.prefix), Path(sys.prefix))
        if not Path(sys.base_prefix).is_relative_to("/usr"):
            lines += self._bind(Path(sys.base_prefix), Path(sys.base_prefix))
        for volume in self.service.get("volumes", ()):
            lines += self._volume(volume)
        for name, file in self.service["secrets"].items():
            lines += self._bind(file, Path("/run/secrets", name))
        return [*lines, f"mount -o remount,ro {root}"] if self.service["read_only"] else lines

    def _system(self) -> list[str]:
        """What the image has, from this machine and this checkout."""
        root = shlex.quote(str(self._root))
        lines = []
        for name in ("bin", "lib", "lib64", "sbin"):
            place = Path("/", name)
            if place.is_symlink():
                lines.append(f"ln -s {place.readlink()} {root}/{name}")
            elif place.is_dir():
                lines += self._bind(place, place)
        for place in (Path("/usr"), Path("/etc")):
            lines += self._bind(place, place)
        for name in (*_COPIED, "src"):
            lines += self._bind(ROOT / name, Path("/app", name))
        lines += self._bind(Path(sys.prefix), Path("/opt/venv"))
        lines += [f"mkdir -p {root}/proc {root}/dev", f"mount --rbind /proc {root}/proc"]
        for name in ("null", "zero", "full", "random", "urandom"):
            lines += self._bind(Path("/dev", name), Path("/dev", name), writable=True)
        return lines

    def _temporary(self) -> list[str]:
        """What is gone with the container; every runtime mounts the first of them."""
        lines = []
        shm = f"size={self.service.get('shm_size', '64m')},mode=1777,noexec,nosuid,nodev"
        for mount in (f"/dev/shm:{shm}", *self.service["tmpfs"]):  # noqa: S108
            target, _, options = mount.partition(":")
            there = shlex.quote(f"{self._root}{target}")
            lines += [f"mkdir -p {there}", f"mount -t tmpfs -o {options} none {there}"]
        return lines

    def _volume(self, volume: Mapping[str, Any]) -> list[str]:
        source, target = Path(volume["source"]), Path(volume["target"])
        lines = []
        if volume["type"] == "volume":  # made anew, and the user's, as the image has its folder
            source = self.folder / f"volume-{source}"
            lines.append(f"install -d -o {USER} -g {USER} -m 0700 {shlex.quote(str(source))}")
        return lines + self._bind(source, target, writable=not volume.get("read_only"))

    def _bind(self, source: Path, target: Path, *, writable: bool = False) -> list[str]:
        there = shlex.quote(f"{self._root}{target}")
        make = f"mkdir -p {there}"
        if source.exists() and not source.is_dir():
            make = f"mkdir -p $(dirname {there}) && touch {there}"
        lines = [make, f"mount --bind {shlex.quote(str(source))} {there}"]
        return lines if writable else [*lines, f"mount -o remount,bind,ro {there}"]

    def start(self, output: Path, *arguments: str) -> "subprocess.Popen[bytes]":
        """Start it; what it prints goes into a file."""
        with output.open("wb") as file:
            return subprocess.Popen(
                self.command(*arguments),
                cwd=self.folder,
                stdin=subprocess.DEVNULL,
                stdout=file,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def run(self, *arguments: str, seconds: float = 120) -> tuple[int, str]:
        """Run a command to its end: exit status, and what it printed."""
        done = subprocess.run(
            self.command(*arguments), cwd=self.folder, stdin=subprocess.DEVNULL,
            capture_output=True, text=True, timeout=seconds,
        )  # fmt: skip
        return done.returncode, done.stdout + done.stderr
