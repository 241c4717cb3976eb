"""Backfill: further features of recordings that are kept, raw or archived."""
