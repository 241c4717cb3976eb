"""Make labels for samples from upload receipts, where files were named after what is said in them.

    python docs/examples/labels.py RECEIPTS '(?P<digit>[0-9])_(?P<take>[0-9]+)' > labels.csv

Run where the receipts are (`unvoiced upload` keeps them in `unvoiced-receipts/`): only they know
which file became which sample. What the pattern's named groups match in a file's name becomes the
columns of the labels, and nothing else of the name leaves this machine. Give no group to what says
who speaks: pseudonyms are there so that nobody needs to know.
"""

import csv
import re
import sys
from pathlib import Path

from unvoiced.upload import receipts_in


def main(receipts: Path, pattern: re.Pattern[str]) -> None:
    """Write one row a receipt; say how many file names did not match."""
    rows = csv.writer(sys.stdout)
    rows.writerow(["sample", *pattern.groupindex])
    unmatched = 0
    for folder in sorted({file.parent for file in receipts.rglob("*.json")}):
        for receipt in receipts_in(folder):
            if match := pattern.search(receipt.file_name):
                said = match.groupdict(default="").values()
                rows.writerow([f"{receipt.pseudonym}/{receipt.sample}", *said])
            else:
                unmatched += 1
    if unmatched:
        print(f"{unmatched} receipts have a file name that the pattern is not in", file=sys.stderr)


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit(f"usage: python {sys.argv[0]} RECEIPTS PATTERN > labels.csv")
    main(Path(sys.argv[1]), re.compile(sys.argv[2]))
