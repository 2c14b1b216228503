"""Nightly summaries of finished conversations. This storey is not built yet; the name and its place in the house are fixed."""
