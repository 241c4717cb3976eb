"""Keys: pairs by role, the vaults that keep their private halves, names that do not say who."""
