"""`python -m deployments.documentation` writes docs/commands.md and docs/flows.md anew."""

import sys
from pathlib import Path

from deployments.documentation import commands, flows

DOCS = Path(__file__).parents[2] / "docs"
PAGES = {"commands.md": commands.page, "flows.md": flows.page}


def main() -> int:
    """Write the pages; returns the exit status."""
    for name, page in PAGES.items():
        (DOCS / name).write_text(page(), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
