"""The read cache of recent turns, level 2 of the ladder: in front of ``history``, never the truth, never stale.

``cache`` keeps a conversation's last turns in Redis, ``through`` answers a read from them where it can. A turn comes in
after its commit, by ``cache.append``, or when somebody reads it from Postgres. ``cache.forget`` is what erasure calls.
"""
