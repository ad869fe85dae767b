"""Expert review of image classifiers in Label Studio.

Puts images before experts in Label Studio, brings their answers back into the
scientist's own files (CSV, NPZ), and says with numbers who was right: each
person, the people together, the model, the old labels.
"""

__version__ = "0.1.0"
