"""A transactional outbox: events, one delivery per destination, one leased lane per ordering key.

It knows nothing of conversations. ``enqueue`` writes inside the caller's transaction; ``relay`` claims, acts and
settles.
"""
