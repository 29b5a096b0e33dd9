"""imprint."""
