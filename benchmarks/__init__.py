"""Ratios against real peers.

Whatever is measured has one thread for arithmetic: a second one of OpenBLAS or OpenMP burns its
core while it waits, and CPU time would count that. Set here, before anything imports numpy.
"""

import os

for _name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[_name] = "1"
