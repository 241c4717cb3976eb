"""Whether a server or worker in this container answers: `healthy.py URL`; exit status 0 or 1.

A probe from within: the worker's own health page stays on the loopback interface, and the image
needs no curl. Standard library only (`python -I -S`).
"""

import sys
import urllib.request

_SECONDS = 4.0


def healthy(url: str) -> bool:
    """Whether the URL answers with 2xx in time."""
    if not url.startswith("http://127.0.0.1:"):
        sys.exit("healthy: only this container itself is asked")
    direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with direct.open(url, timeout=_SECONDS) as answer:
            return bool(200 <= answer.status < 300)
    except OSError:
        return False


if __name__ == "__main__":
    sys.exit(0 if len(sys.argv) == 2 and healthy(sys.argv[1]) else 1)
