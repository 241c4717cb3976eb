"""Posture: whether a live account, or one machine, is configured as it must be.

- Nothing is ever changed: every call is in `aws.account.READS`, and all of those only read. Of the
  deployment's own objects the log and the signed reviews are read, as its auditor may.
- What could not be read is a finding of its own, never a pass.
- Checks are pure: facts and settings in, findings out. `look.take_facts` alone asks anybody.
"""
