"""One file per figure; `style`, `frames`, `marks` and `render` are what they share."""
