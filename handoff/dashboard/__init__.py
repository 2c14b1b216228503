"""The figures of the dashboard. Each costs a bounded number of index entries, however many cases there are.

Cases are read domain by domain through (domain, time), at most ``MOST`` of the newest in each; where there are more,
the figure says so (``capped``).
"""
