"""Hot session state: small, fast, and never the truth about what was said. It may vanish; turns stay.

``service`` is the way in. Behind it one seam, ``port.SessionStateStore``, and a store for each level of the ladder.
"""
