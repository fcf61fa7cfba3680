"""What the operator sees of the work: the log and the numbers."""
