"""The log: an append-only Merkle log of receipts that anyone can check offline."""
