"""What the ML backend does: a stored score table -> predictions for tasks."""
