"""PNG to base64 to contract body to backend, and what each of the backend's answers means."""
