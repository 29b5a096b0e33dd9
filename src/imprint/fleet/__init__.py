"""Fleets: many replicas of one task and recipe, trained together, exactly as each would be alone."""
