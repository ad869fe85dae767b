"""The only part of the package that speaks HTTP to Label Studio."""
