"""Encrypted voice recordings in, encrypted training features out, recordings gone with proof."""

__version__ = "0.1.0"
