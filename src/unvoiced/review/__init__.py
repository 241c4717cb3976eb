"""The access review: who can reach what, who used it, and what is wider than the role table."""
