"""Nightly summaries of finished conversations. Not built yet; the name and its place in the house are fixed."""
