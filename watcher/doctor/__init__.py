"""What is wrong with this box, or will be, and the command that mends it."""
