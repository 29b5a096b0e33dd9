"""One file per figure; `style`, `frames`, `marks`, `apart` and `render` are what they share."""
