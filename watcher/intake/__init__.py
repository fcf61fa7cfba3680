"""Which files are here, and is this one whole?"""
