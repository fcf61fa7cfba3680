"""The one door to pydicom: reading, frames, writing, and the type only the scrub room can make."""
