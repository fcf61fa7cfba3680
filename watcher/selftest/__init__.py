"""Synthetic patients through the site's own settings, to a receiver that is thrown away."""
