"""What a worker process keeps of the memory it has freed."""

import subprocess
import sys

ROUNDS = """
import resource, sys
from unvoiced.ingest.memory import keep_freed_memory
if sys.argv[1] == "kept":
    keep_freed_memory()
sealed, faults = bytes(200_000), []
for _ in range(6):
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    batch = [sealed + b"" + sealed[:1] for _ in range(100)]
    del batch
    faults.append(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
print(min(faults[1:]))
"""


def test_the_memory_of_one_batch_serves_the_next() -> None:
    """Hundreds of objects made and freed again: only the first time are pages asked for; in a
    process left as it is they are asked for every time.
    """
    faults = {
        how: int(subprocess.check_output([sys.executable, "-c", ROUNDS, how]))
        for how in ("kept", "left")
    }
    assert faults["kept"] < 100 < 4000 < faults["left"]
