"""Write-behind: what Redis acknowledged for the Redis-first domains comes to rest in Postgres, a moment later.

``entry`` reads an entry of a domain's stream, ``stream`` takes entries and gives them back, ``rows`` writes them,
``apply`` is the use-case, ``figures`` says how it stands.
"""
