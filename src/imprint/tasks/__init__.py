"""Tasks: one file per family; a module with ``build`` is a task, the others are what tasks share."""
