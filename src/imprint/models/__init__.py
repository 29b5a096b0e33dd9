"""Models: one file per architecture, found by its file name."""
