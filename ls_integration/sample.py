"""A synthetic STED study: photon-limited filaments of known quality, and its reviewers.

The images imitate what a STED microscope shows of the cytoskeleton of neurons
at 20 nm a pixel: actin rings every 190 nm around an axon, and bundles of
microtubules. Everything follows from a seed. Nothing is taken from, or fitted
to, any measured image.
"""

import csv
import io
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter

from ls_integration.files import whole_file, write_text
from ls_integration.progress import Reporter, silent

Structure = Literal["actin", "tubulin"]

SIZE_PX = 224
PIXEL_NM = 20.0
RING_PERIOD_NM = 190.0
"""Spacing of actin rings along axons (Xu, Zhong, Zhuang 2013, Science 339, 452)."""

N_IMAGES = 60
SEED = 2026
MODEL_THRESHOLD = 0.5
"""Score from which the sample's model calls an image an anomaly."""

MEDIAN_DECISION_TIME_S = 1.0
_DECISION_TIME_SPREAD = 0.4  # standard deviation of the logarithm

_BEST_PEAK_COUNT = 120.0
_DARK_COUNT = 0.12  # photons a pixel without any light from the sample
_SHARPEST_BLUR_PX = 1.1
_STEP_PX = 0.25
_N_SESSIONS = 4


@dataclass(frozen=True)
class SampleImage:
    """One synthetic image and what is known about it.

    Attributes
    ----------
    path : str
        Where it lies in the sample folder; tells nothing of the quality.
    counts : ndarray of uint16, shape (224, 224)
        Photons in each pixel.
    rating : float
        Quality from 0 to 1, with three decimals.
    structure : {"actin", "tubulin"}
        What is drawn.
    group : str
        The imaging session.
    model_score : float
        What the sample's imperfect model says, 0 to 1; higher is more anomalous.
    """

    path: str
    counts: NDArray[np.uint16]
    rating: float
    structure: Structure
    group: str
    model_score: float


@dataclass(frozen=True)
class SimulatedAnswers:
    """What a simulated reviewer said, in the order of the truth.

    Attributes
    ----------
    labels : tuple of str
        ``normal`` or ``anomaly``.
    lead_time_s : ndarray of float64
        Time to decide, in seconds.
    """

    labels: tuple[str, ...]
    lead_time_s: NDArray[np.float64]


def draw_counts(
    structure: Structure, quality: float, rng: np.random.Generator
) -> NDArray[np.uint16]:
    """Draw one image: photons counted from a blurred structure.

    Lower quality means fewer photons, more blur and more haze, in a mixture
    that differs from image to image.

    Parameters
    ----------
    structure : {"actin", "tubulin"}
        What to draw.
    quality : float
        0 (useless) to 1 (as good as it gets).
    rng : Generator
        Source of chance.

    Returns
    -------
    ndarray of uint16, shape (224, 224)
        Poisson counts.
    """
    deficit = 1.0 - quality
    mixture = rng.dirichlet((1.5, 1.5, 1.5))
    dim, blurred, hazy = deficit * (0.45 + 0.55 * mixture / mixture.max())
    points = _actin(rng, deficit) if structure == "actin" else _tubulin(rng)
    sharp = _deposit(points)
    image = gaussian_filter(sharp, _SHARPEST_BLUR_PX + 4.0 * blurred**2)
    image /= np.percentile(image, 99.9)
    haze = gaussian_filter(image, 14.0)
    haze_share = 0.9 * hazy**2
    light = (1.0 - haze_share) * image + haze_share * (0.4 + haze / haze.max()) / 1.4
    peak = _BEST_PEAK_COUNT * np.exp(-4.2 * dim)
    counts: NDArray[np.uint16] = rng.poisson(_DARK_COUNT + peak * light).astype(np.uint16)
    return counts


def make_sample(
    n_images: int = N_IMAGES, seed: int = SEED, *, report: Reporter = silent
) -> list[SampleImage]:
    """Draw a study: half of the images are anomalies, none is ambiguous.

    Parameters
    ----------
    n_images : int
        How many, at least 2. One of them has the rating 0.700, the lowest of
        a normal image.
    seed : int
        The same seed gives the same study.
    report : Reporter
        Told of progress.

    Returns
    -------
    list of SampleImage
        In the study's order, which is a random one.

    Raises
    ------
    ValueError
        If `n_images` is less than 2.
    """
    if n_images < 2:
        msg = f"a sample needs at least 2 images, not {n_images}"
        raise ValueError(msg)
    rng = np.random.default_rng(seed)
    n_anomalies = n_images // 2
    bad = rng.uniform(0.03, 0.595, n_anomalies)
    good = rng.uniform(0.701, 0.93, n_images - n_anomalies)
    good[0] = 0.70
    ratings = rng.permutation(np.round(np.concatenate([bad, good]), 3))
    images = []
    for index, rating in enumerate(ratings.tolist()):
        structure: Structure = "actin" if rng.random() < 0.5 else "tubulin"
        noisy = 0.5 + 0.9 * (0.65 - rating) + rng.normal(0.0, 0.25)
        images.append(
            SampleImage(
                path=f"{structure}/{index + 1:04d}.npz",
                counts=draw_counts(structure, rating, rng),
                rating=rating,
                structure=structure,
                group=f"session-{rng.integers(1, _N_SESSIONS + 1)}",
                model_score=round(float(np.clip(noisy, 0.0, 1.0)), 4),
            )
        )
        report("sample", index + 1, n_images)
    return images


def write_sample(
    folder: Path, n_images: int = N_IMAGES, seed: int = SEED, *, report: Reporter = silent
) -> Path:
    """Write a study as a manifest and its images.

    Parameters
    ----------
    folder : Path
        Where to; made if it is missing.
    n_images : int
        How many, at least 2.
    seed : int
        The same seed gives the same study.
    report : Reporter
        Told of progress.

    Returns
    -------
    Path
        The manifest: ``path,rating,structure,group,model_score``.
    """
    images = make_sample(n_images, seed, report=report)
    table = io.StringIO(newline="")
    writer = csv.writer(table, lineterminator="\n")
    writer.writerow(["path", "rating", "structure", "group", "model_score"])
    for image in images:
        with whole_file(folder / image.path) as temporary:
            np.savez_compressed(temporary, image=image.counts)
        writer.writerow(
            [
                image.path,
                f"{image.rating:.3f}",
                image.structure,
                image.group,
                f"{image.model_score:.4f}",
            ]
        )
    manifest = folder / "manifest.csv"
    write_text(manifest, table.getvalue())
    return manifest


def simulate_answers(truth: Sequence[str], tpr: float, fpr: float, seed: int) -> SimulatedAnswers:
    """Answer as a reviewer of known error rates, each image on its own.

    Parameters
    ----------
    truth : sequence of str
        ``normal`` or ``anomaly`` for each image.
    tpr : float
        Probability of calling an anomaly an anomaly.
    fpr : float
        Probability of calling a normal image an anomaly.
    seed : int
        The same seed gives the same answers; reviewers need different ones.

    Returns
    -------
    SimulatedAnswers
        Labels, and log-normal decision times with a median of 1 s.

    Raises
    ------
    ValueError
        If a rate is no probability or a truth is another word.
    """
    if not (0.0 <= tpr <= 1.0 and 0.0 <= fpr <= 1.0):
        msg = f"tpr {tpr} and fpr {fpr} must lie between 0 and 1"
        raise ValueError(msg)
    unknown = set(truth) - {"normal", "anomaly"}
    if unknown:
        msg = f"the truth must be normal or anomaly, not {sorted(unknown)}"
        raise ValueError(msg)
    rng = np.random.default_rng(seed)
    says_anomaly = np.where(np.array(truth) == "anomaly", tpr, fpr) > rng.random(len(truth))
    times = MEDIAN_DECISION_TIME_S * rng.lognormal(0.0, _DECISION_TIME_SPREAD, len(truth))
    labels = tuple("anomaly" if says else "normal" for says in says_anomaly)
    return SimulatedAnswers(labels, times)


@dataclass(frozen=True)
class SimulatedRatings:
    """How a simulated reviewer rated images again.

    Attributes
    ----------
    ratings : ndarray of float64
        0 to 1, in hundredths.
    lead_time_s : ndarray of float64
        Time to decide, in seconds.
    """

    ratings: NDArray[np.float64]
    lead_time_s: NDArray[np.float64]


def simulate_ratings(
    ratings: NDArray[np.float64], offset: float, error: float, seed: int
) -> SimulatedRatings:
    """Rate images again, each on its own, with a normal error.

    Parameters
    ----------
    ratings : ndarray of float64, shape (n_images,)
        The old ratings, 0 to 1.
    offset, error : float
        Mean and standard deviation of new less old rating.
    seed : int
        The same seed gives the same ratings; reviewers need different ones.

    Returns
    -------
    SimulatedRatings
        In the order of *ratings*; log-normal times with a median of 3 s.
    """
    rng = np.random.default_rng(seed)
    rated = np.clip(np.round(ratings + rng.normal(offset, error, len(ratings)), 2), 0.0, 1.0)
    times = 3 * MEDIAN_DECISION_TIME_S * rng.lognormal(0.0, _DECISION_TIME_SPREAD, len(ratings))
    return SimulatedRatings(rated, times)


@dataclass(frozen=True)
class SampleCutouts:
    """A model's table of cutouts, and what they really are.

    Attributes
    ----------
    table : str
        CSV: ``image_name,grid_x,grid_y,label,scores,label_new``, the last empty.
    is_artifact : ndarray of bool, shape (n_cutouts,)
        The truth, from which some labels differ.
    """

    table: str
    is_artifact: NDArray[np.bool_]


def make_cutouts(
    n_frames: int = 6, *, wrong_labels: float = 0.08, seed: int = SEED
) -> SampleCutouts:
    """Make a table of cutouts: some labels are wrong, some scores too.

    Parameters
    ----------
    n_frames : int
        Frames of 8 x 5 cutouts, 200 px each.
    wrong_labels : float
        Probability that a label is not the truth.
    seed : int
        The same seed gives the same table.

    Returns
    -------
    SampleCutouts
        At the threshold 0.95 about a fifth of the artifacts is missed, and one
        in fifty others is called one.
    """
    rng = np.random.default_rng(seed)
    places = [(frame, x, y) for frame in range(n_frames) for y in range(5) for x in range(8)]
    is_artifact = rng.random(len(places)) < 0.2
    label = is_artifact != (rng.random(len(places)) < wrong_labels)
    score = np.where(is_artifact, rng.beta(30.0, 1.0, len(places)), rng.beta(4.0, 2.0, len(places)))
    lines = ["image_name,grid_x,grid_y,label,scores,label_new"]
    lines += [
        f"frame-{frame + 1},{200 * x},{200 * y},{int(said)},{value:.4f},"
        for (frame, x, y), said, value in zip(places, label, score, strict=True)
    ]
    return SampleCutouts("\n".join(lines) + "\n", is_artifact)


def _deposit(points: NDArray[np.float64]) -> NDArray[np.float64]:
    """Sum (n, 3) points of row, column, weight into pixels."""
    edges = np.arange(SIZE_PX + 1)
    image: NDArray[np.float64] = np.histogram2d(
        points[:, 0], points[:, 1], (edges, edges), weights=points[:, 2]
    )[0]
    return image


def _path(rng: np.random.Generator) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Bend a line across the frame: (n, 2) points every `_STEP_PX` and their (n, 2) normals."""
    length = 1.7 * SIZE_PX
    along = np.arange(0.0, length, _STEP_PX)
    bend = rng.uniform(0.05, 0.35) * np.sin(
        2 * np.pi * along / rng.uniform(0.8, 1.8) / SIZE_PX + rng.uniform(0, 2 * np.pi)
    )
    heading = rng.uniform(0, np.pi) + bend
    steps = np.stack([np.sin(heading), np.cos(heading)], axis=1)
    points = np.cumsum(steps * _STEP_PX, axis=0)
    centre = SIZE_PX * rng.uniform(0.35, 0.65, 2)
    points += centre - points[len(points) // 2]
    return points, np.stack([steps[:, 1], -steps[:, 0]], axis=1)


def _actin(rng: np.random.Generator, deficit: float) -> NDArray[np.float64]:
    """Place spots on rings around one or two axons; a ring's projection is bright at its ends."""
    period_px = RING_PERIOD_NM / PIXEL_NM
    spots = []
    for number in range(int(rng.integers(1, 3))):
        points, normals = _path(rng)
        radius = rng.uniform(7.0, 15.0) * (1.0 if number == 0 else 0.6)
        n_rings = int(len(points) * _STEP_PX / period_px)
        rings = np.repeat(np.arange(n_rings) * period_px, 9)
        rings = rings + rng.normal(0.0, 0.5 + 2.5 * deficit**2, len(rings))
        # Membrane between the rings, more of it where the lattice is disturbed.
        n_loose = int(len(rings) * (0.3 + 1.2 * deficit**2))
        places = np.concatenate([rings, rng.uniform(0, n_rings * period_px, n_loose)])
        around = np.sin(rng.uniform(0, 2 * np.pi, len(places)))
        weights = rng.gamma(2.0, 1.0, len(places)) * (1.0 if number == 0 else 0.7)
        index = np.clip((places / _STEP_PX).astype(int), 0, len(points) - 1)
        swelling = 1.0 + 0.15 * np.sin(places / 25.0 + rng.uniform(0, 2 * np.pi))
        offset = (radius * swelling * around)[:, None]
        spots.append(np.column_stack([points[index] + offset * normals[index], weights]))
    return np.concatenate(spots)


def _tubulin(rng: np.random.Generator) -> NDArray[np.float64]:
    """Lay bundles of wandering filaments and one or two single ones."""
    filaments = []
    for members in (int(rng.integers(3, 8)), 1, int(rng.integers(1, 3))):
        points, normals = _path(rng)
        along = np.arange(len(points)) * _STEP_PX
        for _ in range(members):
            wander = rng.uniform(2.0, 7.0) * np.sin(
                along / rng.uniform(18.0, 50.0) + rng.uniform(0, 2 * np.pi)
            )
            offset = (rng.normal(0.0, 1.3 * members) + wander)[:, None]
            labelling = gaussian_filter(rng.gamma(0.4, 1.0, len(points)), 6.0)
            filaments.append(np.column_stack([points + offset * normals, labelling]))
    return np.concatenate(filaments)
