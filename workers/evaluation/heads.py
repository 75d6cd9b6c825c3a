"""Classifiers on frozen features: a linear head trained to convergence, and the closed-form Gaussian one."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Numbers = NDArray[np.float64]
Indices = NDArray[np.int64]
# Inverse strengths of weight decay that are tried; the best on a part of `train` that is held out for it wins.
STRENGTHS = (0.1, 1.0, 10.0)
HELD_OUT = 0.2
MOST_ITERATIONS = 300
_SMALLEST = 1e-6


@dataclass(frozen=True)
class Head:
    """A classifier on standardised features `(n, hidden)`."""

    mean: Numbers
    deviation: Numbers
    weight: Numbers
    bias: Numbers

    def probabilities(self, features: Numbers) -> Numbers:
        """Of every label, `(n, labels)`."""
        return softmax((features - self.mean) / self.deviation @ self.weight.T + self.bias)


def softmax(logits: Numbers) -> Numbers:
    """Probabilities `(n, labels)` of logits, in double precision."""
    shifted = np.exp(logits - logits.max(axis=1, keepdims=True))
    normalised: Numbers = shifted / shifted.sum(axis=1, keepdims=True)
    return normalised


def train_head(features: Numbers, labels: Indices, classes: int, seed: int) -> tuple[Head, float]:
    """Multinomial logistic regression to convergence; returns it and the strength of decay that was chosen.

    The strength is chosen on rows of ``features`` alone, drawn by ``seed``. A label without rows is never answered.
    """
    order = np.random.default_rng(seed).permutation(len(labels))
    held_out, rest = np.split(order, [max(1, int(len(order) * HELD_OUT))])
    # Too few rows, or a label that only the held-out part has: nothing to choose by.
    if len(rest) == 0 or set(labels[rest]) != set(labels):
        return fit_head(features, labels, classes, STRENGTHS[1]), STRENGTHS[1]
    scores = []
    for strength in STRENGTHS:
        head = fit_head(features[rest], labels[rest], classes, strength)
        answers = head.probabilities(features[held_out]).argmax(axis=1)
        scores.append((np.mean(answers == labels[held_out]), -strength, strength))
    chosen = max(scores)[2]
    return fit_head(features, labels, classes, chosen), chosen


def fit_head(features: Numbers, labels: Indices, classes: int, strength: float) -> Head:
    """The head for one inverse strength of weight decay. A label without rows gets a bias of minus infinity."""
    from sklearn.linear_model import LogisticRegression

    mean, deviation = features.mean(axis=0), np.maximum(features.std(axis=0), _SMALLEST)
    hidden = features.shape[1]
    weight, bias = np.zeros((classes, hidden)), np.full(classes, -np.inf)
    present = np.unique(labels)
    if len(present) == 1:
        bias[present] = 0.0
        return Head(mean, deviation, weight, bias)
    fitted = LogisticRegression(C=strength, max_iter=MOST_ITERATIONS, tol=1e-4)
    fitted.fit((features - mean) / deviation, labels)
    if len(present) == 2:
        # scikit-learn keeps one row for two labels.
        weight[present] = np.stack([np.zeros(hidden), fitted.coef_[0]])
        bias[present] = [0.0, fitted.intercept_[0]]
    else:
        weight[present], bias[present] = fitted.coef_, fitted.intercept_
    return Head(mean, deviation, weight, bias)


def gaussian_head(features: Numbers, labels: Indices, classes: int) -> Head:
    """Gaussian discriminant analysis: a mean for every label and one covariance, shrunk; nothing is trained.

    The inverse of the covariance is estimated as in the GDA baseline for CLIP (Kubokawa and Srivastava):
    ``d * inv((n - 1) * covariance + trace(covariance) * I)``; every label is as likely as the next.
    """
    present = np.unique(labels)
    means = np.stack([features[labels == label].mean(axis=0) for label in present])
    centred = features - means[np.searchsorted(present, labels)]
    rows, hidden = features.shape
    covariance = centred.T @ centred / max(rows - 1, 1)
    trace = max(np.trace(covariance), _SMALLEST)
    precision = hidden * np.linalg.inv((rows - 1) * covariance + trace * np.eye(hidden))
    weight, bias = np.zeros((classes, hidden)), np.full(classes, -np.inf)
    weight[present] = means @ precision
    bias[present] = -0.5 * np.einsum("ld,ld->l", means @ precision, means)
    return Head(np.zeros(hidden), np.ones(hidden), weight, bias)
