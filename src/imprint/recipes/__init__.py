"""Recipes: how weights are updated, as a composition of small parts."""
