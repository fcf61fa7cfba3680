"""Tests of the door to pydicom: walking, parsing, frames, writing."""
