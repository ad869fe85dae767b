"""Predictions of a trained model for the tasks that Label Studio opens."""

import logging
import threading
from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ls_integration.errors import ConfigError, IntegrationError, TaskError
from ls_integration.images.frames import Frame
from ls_integration.serving.inputs import CutoutInput, FindInput, FrameInput, StedInput
from ls_integration.serving.model_file import ModelFile
from ls_integration.serving.pages import LABELS, Verdict, page_form
from ls_integration.serving.predictor import Prediction

if TYPE_CHECKING:
    from ls_integration.models.model import Scorer

_log = logging.getLogger(__name__)

FRAMES_KEPT = 2
"""Decoded frames in memory: people go through a frame cutout by cutout."""

IMAGES_AT_ONCE = 32
"""STED images of one size that are scored together."""

_REASONS_KEPT = 1000

_ScoreAndRate = Callable[[NDArray[np.float32]], tuple[NDArray[np.float64], NDArray[np.float64]]]


class LiveModel:
    """A model that looks at the items of tasks.

    Parameters
    ----------
    file : ModelFile
        The model.
    find_input : callable
        What to look at.
    """

    def __init__(self, file: ModelFile, find_input: FindInput) -> None:
        self._file = file
        self._find_input = find_input
        self._frames = _FrameCache()
        self._said: set[str] = set()

    @property
    def model_version(self) -> str:  # numpydoc ignore=RT01
        """Name of the model, as it stands on predictions."""
        return self._file.current().version

    @property
    def problem(self) -> str | None:  # numpydoc ignore=RT01
        """Why the newest model is not the one that answers; None if it is."""
        self._file.current()
        return self._file.problem

    def check_page(self, xml: str) -> None:
        """Refuse a page that asks what the model does not answer.

        Parameters
        ----------
        xml : str
            The project's label config.

        Raises
        ------
        ConfigError
            With the reason.
        """
        model = self._file.current()
        if page_form(xml, model.kind).asks_rating and _rating_of(model) is None:
            msg = f"the page asks for ratings, the model {model.version} gives none; train another"
            raise ConfigError(msg)

    def predict(self, tasks: Sequence[Mapping[str, Any]], xml: str) -> list[Prediction]:
        """Look at the items of tasks.

        Parameters
        ----------
        tasks : sequence of dict
            As Label Studio sends them.
        xml : str
            The project's label config.

        Returns
        -------
        list
            One entry a task, an empty one where nothing can be said; the log
            says why, once for each reason.
        """
        model = self._file.current()
        form = page_form(xml, model.kind)
        predictions: list[Prediction] = [[] for _ in tasks]
        for place, verdict in self._verdicts(model, tasks, form.asks_rating):
            try:
                result = form.write(tasks[place], verdict)
            except IntegrationError as error:
                self._say(str(error))
            else:
                predictions[place] = {"result": result, "score": verdict.score}
        return predictions

    def _verdicts(
        self, model: "Scorer", tasks: Sequence[Mapping[str, Any]], asks_rating: bool
    ) -> Iterator[tuple[int, Verdict]]:
        images: list[tuple[int, StedInput]] = []
        cutouts: dict[FrameInput, list[tuple[int, CutoutInput]]] = {}
        for place, task in enumerate(tasks):
            data = task.get("data")
            try:
                if not isinstance(data, Mapping):
                    msg = "the task has no data"
                    raise TaskError(msg)
                found = self._find_input(data)
            except IntegrationError as error:
                self._say(str(error))
                continue
            if isinstance(found, StedInput):
                images.append((place, found))
            else:
                cutouts.setdefault(found.frame, []).append((place, found))
        yield from self._of_images(model, images, asks_rating)
        for frame, wanted in cutouts.items():
            yield from self._of_cutouts(model, frame, wanted)

    def _of_images(
        self, model: "Scorer", images: Sequence[tuple[int, StedInput]], asks_rating: bool
    ) -> Iterator[tuple[int, Verdict]]:
        for start in range(0, len(images), IMAGES_AT_ONCE):
            by_size: dict[tuple[int, ...], list[tuple[int, NDArray[np.float32]]]] = {}
            for place, image in images[start : start + IMAGES_AT_ONCE]:
                try:
                    counts = image.read()
                except IntegrationError as error:
                    self._say(str(error))
                else:
                    by_size.setdefault(counts.shape, []).append((place, counts))
            for same in by_size.values():
                counts = np.stack([image for _, image in same])
                try:
                    scores, ratings = _look(model, counts, asks_rating)
                except IntegrationError as error:
                    self._say(str(error))
                    continue
                for (place, _), score, rating in zip(same, scores, ratings, strict=True):
                    yield place, _verdict(model, float(score), float(rating))

    def _of_cutouts(
        self, model: "Scorer", source: FrameInput, wanted: Sequence[tuple[int, CutoutInput]]
    ) -> Iterator[tuple[int, Verdict]]:
        try:
            frame = self._frames.read(source)
        except IntegrationError as error:
            self._say(str(error))
            return
        alike: dict[int, list[tuple[int, tuple[int, int]]]] = {}
        for place, cutout in wanted:
            try:
                corner = cutout.corner(frame)
            except IntegrationError as error:
                self._say(str(error))
            else:
                alike.setdefault(cutout.tile_px, []).append((place, corner))
        for tile_px, placed in alike.items():
            corners = np.array([corner for _, corner in placed], np.int64)
            try:
                scores = model.score_cutouts(frame.values, corners, tile_px).tolist()
            except IntegrationError as error:
                self._say(str(error))
                return
            for (place, _), score in zip(placed, scores, strict=True):
                yield place, _verdict(model, score, None)

    def _say(self, reason: str) -> None:
        if reason not in self._said and len(self._said) < _REASONS_KEPT:
            self._said.add(reason)
            _log.warning("no prediction: %s", reason)


class _FrameCache:
    """The frames that were decoded last."""

    def __init__(self) -> None:
        self._frames: OrderedDict[tuple[Any, ...], Frame] = OrderedDict()
        self._lock = threading.Lock()

    def read(self, source: FrameInput) -> Frame:
        try:
            stamps = tuple(path.stat().st_mtime_ns for path in source.sources)
        except OSError:
            stamps = ()
        key = (source, stamps)
        # One decoder at a time: two threads that ask for the same frame wait for one.
        with self._lock:
            if key not in self._frames:
                self._frames[key] = source.read()
                if len(self._frames) > FRAMES_KEPT:
                    self._frames.popitem(last=False)
            self._frames.move_to_end(key)
            return self._frames[key]


def _look(
    model: "Scorer", counts: NDArray[np.float32], asks_rating: bool
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Score and, where the page asks for it, rate; the features are computed once."""
    rate = _rating_of(model) if asks_rating else None
    if rate is None:
        return model.score_sted(counts), np.full(len(counts), np.nan)
    return rate(counts)


def _rating_of(model: "Scorer") -> _ScoreAndRate | None:
    """Give what scores and rates images, if the model's recipe is one that rates."""
    from ls_integration.models.model import Model

    predict_rating = getattr(getattr(model, "estimator", None), "predict_rating", None)
    if not isinstance(model, Model) or predict_rating is None:
        return None

    def look(counts: NDArray[np.float32]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        features = model.feature_set.extract(counts)
        return model.score_features(features), np.asarray(predict_rating(features), np.float64)

    return look


def _verdict(model: "Scorer", score: float, rating: float | None) -> Verdict:
    negative, positive = LABELS[model.kind]
    known = None if rating is None or np.isnan(rating) else rating
    return Verdict(score, positive if score >= model.threshold else negative, known)
