"""Schedules: ``multiplier(step)`` of the learning rate, one file each."""
