"""Expert review of image classifiers in Label Studio.

Puts images before experts in Label Studio, brings their answers back into the
scientist's own files (CSV, NPZ), and says with numbers who was right: each
person, the people together, the model, the old labels.

In a notebook, `open_study` opens a study or its results, and `score` scores any
two tables.
"""

# Type checkers take this name for true. typing itself would take longer to load than all else.
TYPE_CHECKING = False
if TYPE_CHECKING:
    from ls_integration.notebook import open_study, score

__version__ = "0.1.0"

__all__ = ["__version__", "open_study", "score"]

# What a person sees who presses Tab is what there is to use.
del TYPE_CHECKING


def __getattr__(name: str) -> object:
    """Load pandas and all that only when somebody asks for it."""
    if name in __all__:
        from ls_integration import notebook

        return getattr(notebook, name)
    msg = f"module 'ls_integration' has no attribute '{name}'"
    raise AttributeError(msg)


def __dir__() -> list[str]:
    return sorted(__all__)
