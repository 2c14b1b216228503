"""What every admin page over a large table shares: read-only, keyset pages, exact search, nothing counted.

The ground floor of all admins, so that the packages above look and behave alike. Nothing is imported here:
template libraries need ``show`` before Unfold's own admin module has loaded.
"""
