"""Retention: what is kept how long, and destroying what is due."""
