"""Probes: one file per probe in folders by what is looked at, found by file name."""
