"""Summaries of finished conversations: made each night, checked against what was said, recalled as untrusted data."""
