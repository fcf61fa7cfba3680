"""The Basic Application Level Confidentiality Profile as data, and the recipe made from it."""
