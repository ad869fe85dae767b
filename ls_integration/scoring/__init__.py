"""Numbers from arrays: rates, curves, agreement, consensus, intervals. Pure."""
