"""How good summaries are: gold summaries, what they are compared by, and what else could have been written."""
