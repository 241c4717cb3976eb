"""Erasure: everything of one contributor, destroyed in stages and seen to be gone."""
