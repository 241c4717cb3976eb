"""Who may reach what: the role table, policies made from it, and grants."""
