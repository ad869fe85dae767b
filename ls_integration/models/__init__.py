"""Images to features, features to scores: recipes, cross-validation, saved models."""
