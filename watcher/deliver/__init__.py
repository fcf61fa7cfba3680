"""PNG to base64 to contract body to backend."""
