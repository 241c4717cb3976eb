"""Certificates of sanitization: what the log says, for people, checked offline."""
