"""Reading a finished study from Python: its atlas, its verdicts, comparisons of recipes, and the trained networks."""
