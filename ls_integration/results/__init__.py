"""The only writer of result files: tables in, CSV, NPZ, JSON and HTML out."""
