"""What a model file may ask for, and what of it must fit together.

skops trusts every scikit-learn estimator by itself and looks at types only.
Here a file may hold nothing but the few types that our recipes use; and where
compiled code takes sizes and indices from the file without a look, they are
compared before that code sees them.
"""

import json
from collections.abc import Iterator, Mapping
from typing import Any, Final

import numpy as np

from ls_integration.errors import ModelError, some_of

_ESTIMATORS: Final = frozenset(
    {
        "ls_integration.models.cutout_estimator.CutoutModel",
        "ls_integration.models.normal_model.NormalModel",
        "ls_integration.models.rating_model.RatingModel",
        "sklearn.covariance._shrunk_covariance.LedoitWolf",
        "sklearn.linear_model._logistic.LogisticRegression",
        "sklearn.pipeline.Pipeline",
        "sklearn.preprocessing._data.MinMaxScaler",
        "sklearn.preprocessing._data.StandardScaler",
        "sklearn.svm._classes.SVR",
    }
)

_TYPES: Final[Mapping[str, frozenset[str]]] = {
    "JsonNode": frozenset({"builtins.str"}),
    "DictNode": frozenset({"builtins.dict"}),
    "ListNode": frozenset({"builtins.list"}),
    "TupleNode": frozenset({"builtins.tuple"}),
    "TypeNode": frozenset({"builtins.str"}),
    "NdArrayNode": frozenset(
        {"numpy.ndarray", "numpy.float64", "numpy.float32", "numpy.int64", "numpy.int32"}
    ),
    "ObjectNode": _ESTIMATORS,
}
"""What skops calls a node -> the types that it may make."""

TRUSTED: Final = sorted(set().union(*_TYPES.values()))
"""All of them, as skops wants to have it."""

PROTOCOL: Final = 2
"""Of skops' files; older ones have nodes of their own, which nobody looked at here."""

_KERNELS = ("rbf", "linear")


def check_schema(text: bytes) -> None:
    """Refuse a file that asks for other types than our recipes use.

    Parameters
    ----------
    text : bytes
        ``schema.json`` of the file.

    Raises
    ------
    ModelError
        Naming the first types.
    ValueError, RecursionError
        If it is no JSON, or nested too deeply.
    """
    schema = json.loads(text)
    if not isinstance(schema, dict) or schema.get("protocol") != PROTOCOL:
        msg = "it was not written by a version that this one can read; train again"
        raise ModelError(msg)
    strange = sorted(set(_asked_for(schema, {})))
    if strange:
        msg = f"it asks for {some_of(strange, limit=3)}, which no model of ours needs"
        raise ModelError(msg)


def _asked_for(value: Any, seen: dict[Any, Any]) -> Iterator[str]:
    """Yield what is not on the list, wherever in the schema it stands."""
    if isinstance(value, list):
        for inner in value:
            yield from _asked_for(inner, seen)
    if not isinstance(value, dict):
        return
    if "__loader__" in value or "__id__" in value:
        loader, module, name = (value.get(key) for key in ("__loader__", "__module__", "__class__"))
        if f"{module}.{name}" not in _TYPES.get(str(loader), ()):
            yield f"{module}.{name} as {loader}"[:120]
        elif loader == "NdArrayNode" and value.get("type") != "numpy":
            yield "an array of objects"
        # skops takes an id that it knows for the object itself. That must stand in full
        # each time, as it writes it: else a short file could mean 2**30 objects.
        if seen.setdefault(value.get("__id__"), value) != value:
            yield "another object under a known id"
    for inner in value.values():
        yield from _asked_for(inner, seen)


def check_content(value: Any) -> None:
    """Compare sizes that libsvm takes from the file without a look.

    With too few coefficients it reads beyond them: a crafted file could end
    the process, or worse.

    Parameters
    ----------
    value : object
        What was loaded.

    Raises
    ------
    ModelError
        Naming what does not fit.
    """
    from sklearn.svm import SVR

    if isinstance(value, SVR):
        _check_svm(value)
    if isinstance(value, dict):
        inner = list(value.values())
    elif isinstance(value, list | tuple):
        inner = list(value)
    elif isinstance(value, np.ndarray) or not hasattr(value, "__dict__"):
        return
    else:
        inner = list(vars(value).values())
    for one in inner:
        check_content(one)


def _check_svm(svm: Any) -> None:
    vectors = np.asarray(svm.support_vectors_)
    n_vectors = len(vectors)
    shapes = {
        "support_vectors_": (vectors, (n_vectors, svm.n_features_in_), np.float64),
        "support_": (svm.support_, (n_vectors,), np.int32),
        "_dual_coef_": (svm._dual_coef_, (1, n_vectors), np.float64),
        "_intercept_": (svm._intercept_, (1,), np.float64),
        "_n_support": (svm._n_support, (2,), np.int32),
        "_probA": (svm._probA, (0,), np.float64),
        "_probB": (svm._probB, (0,), np.float64),
    }
    wrong = [
        name
        for name, (array, shape, dtype) in shapes.items()
        if not isinstance(array, np.ndarray) or array.shape != shape or array.dtype != dtype
    ]
    if not wrong and svm._n_support[0] != n_vectors:
        wrong = ["_n_support"]
    if svm.kernel not in _KERNELS or svm._sparse is not False:
        wrong.append("kernel")
    if wrong or not n_vectors:
        msg = f"its support vectors do not fit together ({', '.join(wrong) or 'there are none'})"
        raise ModelError(msg)
