"""Intake key epochs: making the next one's key, retiring those that are over."""
