from imprint.reader.opening import open as open
