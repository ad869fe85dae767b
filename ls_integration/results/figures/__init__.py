"""Figures of the report: numbers into drawings, no file and no page."""
