"""Where a benchmark leaves what it measured, and on what machine: `benchmarks/results/NAME.json`.

`python -m benchmarks.report` makes the tables and pictures of docs/performance.md from these files,
so that every figure there can be traced to a run.
"""

import json
import os
import platform
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).parent / "results"


def machine() -> dict[str, str | int]:
    """What the figures depend on: processor, cores, versions."""
    lines = Path("/proc/cpuinfo").read_text("utf-8").splitlines()
    models = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    packages = ("numpy", "numba", "librosa", "cryptography", "soundfile", "boto3")
    return {
        "processor": models[0] if models else platform.processor(),
        "cores": os.cpu_count() or 1,
        "python": platform.python_version(),
        **{name: version(name) for name in packages},
    }


def save(name: str, measured: dict[str, Any]) -> Path:
    """Write what was measured; returns the file. `measured` is plain JSON: names and numbers."""
    FOLDER.mkdir(exist_ok=True)
    path = FOLDER / f"{name}.json"
    content = {
        "measured": measured,
        "machine": machine(),
        "date": datetime.now(UTC).strftime("%Y-%m-%d"),
    }
    path.write_text(json.dumps(content, indent=1) + "\n", "utf-8")
    return path


def read(name: str) -> dict[str, Any]:
    """What `save` wrote."""
    content: dict[str, Any] = json.loads((FOLDER / f"{name}.json").read_text("utf-8"))
    return content
