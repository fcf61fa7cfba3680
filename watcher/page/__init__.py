"""The page: overview, history and the review of what is in quarantine, for a browser here."""
