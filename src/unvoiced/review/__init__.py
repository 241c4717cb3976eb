"""The access review: who can reach what, who used it when, and what is wider than the role table.

- It only looks: every call to an account is in `aws.account.READS`. What it proposes are commands
  for a person to run.
- What cannot be decided is said to be unknown, and counts as reach, never as a pass.
- A report is a machine's until a person signs it (`audit.reviews`).
"""
