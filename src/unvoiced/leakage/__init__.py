"""How much of a speaker does a feature set still give away? Measured, never assumed."""
