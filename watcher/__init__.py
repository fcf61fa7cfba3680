"""img-ingestion: de-identified images from a drop folder to the AI backend."""
