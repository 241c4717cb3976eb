"""`python -m deployments.aws` writes the template beside this file."""

import sys
from pathlib import Path

from deployments.aws.document import rendered

PATH = Path(__file__).with_name("unvoiced.yaml")


def main() -> int:
    """Write the file; returns the exit status."""
    text = rendered()
    PATH.write_text(text, encoding="utf-8")
    print(f"{PATH.name}: {len(text.encode()):,} bytes")
    return 0


if __name__ == "__main__":
    sys.exit(main())
