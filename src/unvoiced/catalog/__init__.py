"""The catalog: what is in the training store, as Parquet; derived from it, and never the truth."""
