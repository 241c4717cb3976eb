"""The catalog: what is in the training store, as Parquet; derived from it, and never the truth.

catalog = unvoiced.catalog.read("file:///deployment/stores/training")  # a pyarrow Table
"""

from unvoiced.catalog.table import read

__all__ = ["read"]
