"""What the ML backend does: a model, or a stored score table -> predictions for tasks."""
