"""Conversations and turns: written once, in one transaction, and provable ever after."""
