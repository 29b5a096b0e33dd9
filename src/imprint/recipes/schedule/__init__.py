"""Schedules: ``multiplier(step, [length])`` of the learning rate, one file each."""
