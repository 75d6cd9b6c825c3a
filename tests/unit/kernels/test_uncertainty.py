"""Training-free Bayesianisation: noise of one size in weight space, a search for its size, and what it does."""

import pytest

torch = pytest.importorskip("torch")

from kernels.lowrank import LowRankUpdate  # noqa: E402
from kernels.uncertainty import (  # noqa: E402
    Noise,
    calibration,
    largest_sigma,
    mean_probabilities,
    noise_directions,
    typical_size,
)


@pytest.fixture(autouse=True)
def one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def update(rank: int = 4, d_out: int = 20, d_in: int = 30, seed: int = 0) -> LowRankUpdate:
    drawn = torch.Generator().manual_seed(seed)
    A = torch.randn(rank, d_in, generator=drawn, dtype=torch.float64)
    B = torch.randn(d_out, rank, generator=drawn, dtype=torch.float64)
    return LowRankUpdate(A, B * torch.tensor([1.0, 0.1, 3.0, 0.01], dtype=torch.float64)[:rank])


def test_the_noise_of_a_direction_does_not_depend_on_its_singular_value():
    """B V diag(1/S) = U, as in the paper: rows of V^T A get sigma / S, and the update gets sigma U E."""
    one = update()
    U, S, Vh = torch.linalg.svd(one.B, full_matrices=False)
    pushed = one.B @ noise_directions(one)
    assert torch.allclose(pushed.T @ pushed, torch.eye(4, dtype=torch.float64), atol=1e-10)
    assert torch.allclose(pushed @ pushed.T, U @ U.T, atol=1e-10)
    assert torch.allclose(Vh @ noise_directions(one), torch.diag(1 / S), atol=1e-9)


def test_every_factorisation_of_an_update_gets_noise_of_the_same_covariance():
    one, gauge = update(), torch.randn(4, 4, dtype=torch.float64, generator=torch.Generator().manual_seed(3))
    other = LowRankUpdate(torch.linalg.solve(gauge, one.A), one.B @ gauge)
    pushed, pushed_other = one.B @ noise_directions(one), other.B @ noise_directions(other)
    assert torch.allclose(pushed @ pushed.T, pushed_other @ pushed_other.T, atol=1e-8)


def test_sampled_updates_vary_by_sigma_within_the_columns_of_b_and_nowhere_else():
    one = update()
    noise = Noise({"layer": one}, seed=7)
    sigma, changes = 0.05, [noise.sample(index)["layer"] for index in range(400)]
    moved = torch.stack([sigma * one.B @ change for change in changes])
    U = torch.linalg.svd(one.B, full_matrices=False)[0]
    within = U.T @ moved
    assert within.std().item() == pytest.approx(sigma, rel=0.02)
    assert torch.allclose(U @ within, moved, atol=1e-10)


def test_directions_in_which_b_is_zero_get_no_noise():
    one = update()
    B = one.B.clone()
    B[:, 2] = 0.0
    directions = noise_directions(LowRankUpdate(one.A, B))
    assert directions.shape == (4, 3)
    assert torch.isfinite(directions).all()
    assert noise_directions(LowRankUpdate(one.A, torch.zeros_like(B))).shape == (4, 0)


def test_a_seed_and_a_sample_give_the_same_noise_again():
    one = {"a": update(), "b": update(seed=1)}
    first, again, other = Noise(one, seed=1).sample(3), Noise(one, seed=1).sample(3), Noise(one, seed=2).sample(3)
    assert all(torch.equal(first[name], again[name]) for name in one)
    assert not torch.equal(first["a"], other["a"])
    assert not torch.equal(first["a"], Noise(one, seed=1).sample(4)["a"])


def test_factors_that_are_not_finite_are_refused():
    one = update()
    with pytest.raises(ValueError, match="finite"):
        Noise({"layer": LowRankUpdate(one.A, one.B * float("nan"))})
    with pytest.raises(ValueError, match="at least one module"):
        Noise({})


@pytest.mark.parametrize("limit", [3e-5, 0.02, 0.7, 40.0])
def test_the_search_finds_the_largest_sigma_within_the_tolerance(limit):
    found = largest_sigma(lambda sigma: 0.1 * (sigma / limit) ** 2, tolerance=0.1, start=0.05, steps=12)
    assert limit * 0.99 < found.sigma <= limit
    assert found.drop <= 0.1
    assert (found.sigma, found.drop) in found.tried


def test_without_any_sigma_that_fits_the_adapter_stays_as_it_is():
    found = largest_sigma(lambda sigma: 1.0, tolerance=0.1, start=0.05)
    assert (found.sigma, found.drop) == (0.0, 0.0)


def test_where_nothing_ever_drops_the_search_ends():
    found = largest_sigma(lambda sigma: 0.0, tolerance=0.1, start=1.0)
    assert found.sigma == 4.0**12
    assert len(found.tried) == 13


def test_a_tolerance_below_zero_and_a_start_at_zero_are_refused():
    with pytest.raises(ValueError, match="tolerance"):
        largest_sigma(lambda sigma: 0.0, tolerance=-0.1, start=1.0)
    with pytest.raises(ValueError, match="start"):
        largest_sigma(lambda sigma: 0.0, tolerance=0.1, start=0.0)


def test_the_calibration_error_by_hand():
    probabilities = torch.tensor([[0.95, 0.05], [0.95, 0.05], [0.65, 0.35], [0.15, 0.85]])
    right = torch.tensor([0, 1, 0, 1])
    found = calibration(probabilities, right, bins=10)
    # Three bins: 0.95 twice, half right; 0.65 once, right; 0.85 once, right.
    expected = (2 * abs(0.5 - 0.95) + abs(1 - 0.65) + abs(1 - 0.85)) / 4
    assert found.accuracy == 0.75
    assert found.ece == pytest.approx(expected, abs=1e-6)
    likelihoods = torch.tensor([0.95, 0.05, 0.65, 0.85], dtype=torch.float64)
    assert found.nll == pytest.approx(-likelihoods.log().mean().item(), abs=1e-6)


def test_a_certain_and_wrong_answer_has_a_finite_loss():
    found = calibration(torch.tensor([[1.0, 0.0]]), torch.tensor([1]))
    assert (found.accuracy, found.ece) == (0.0, 1.0)
    assert found.nll < 1000


def test_probabilities_are_averaged_not_logits():
    mean = mean_probabilities([torch.tensor([[1.0, 0.0]]), torch.tensor([[0.5, 0.5]])])
    assert torch.equal(mean, torch.tensor([[0.75, 0.25]], dtype=torch.float64))
    with pytest.raises(ValueError, match="at least one"):
        mean_probabilities([])


def test_the_typical_size_is_that_of_the_update_itself():
    one = update()
    assert typical_size({"layer": one}) == pytest.approx(one.norm() / (4 * 30) ** 0.5)


def fitted_regression(seed: int):
    """A LoRA on a frozen random layer, trained far past the point where it knows its noisy labels by heart."""
    drawn = torch.Generator().manual_seed(seed)
    rows, width, classes = 60, 24, 3
    truth = torch.randn(width, classes, generator=drawn)
    head = torch.randn(16, classes, generator=drawn)
    frozen = 0.1 * torch.randn(16, width, generator=drawn)

    def labelled(count: int):
        x = torch.randn(count, width, generator=drawn)
        y = torch.distributions.Categorical(logits=x @ truth / 2)
        drawn_labels = torch.multinomial(y.probs, 1, generator=drawn).squeeze(1)
        return x, drawn_labels

    x, y = labelled(rows)
    A = (0.1 * torch.randn(4, width, generator=drawn)).requires_grad_()
    B = torch.zeros(16, 4, requires_grad=True)
    optimiser = torch.optim.Adam([A, B], lr=0.05)
    for _ in range(400):
        optimiser.zero_grad()
        torch.nn.functional.cross_entropy(x @ (frozen + B @ A).T @ head, y).backward()
        optimiser.step()
    one = LowRankUpdate(A.detach(), B.detach())

    def probabilities(inputs, change=0.0):
        return (inputs @ (frozen + one.B @ (one.A + change)).T @ head).softmax(1)

    return one, (x, y), labelled(1500), probabilities


@pytest.mark.literature("TFB (Training-Free Bayesianization)")
@pytest.mark.parametrize("seed", range(4))
def test_an_overfitted_adapter_becomes_better_calibrated_without_training_and_loses_no_more_than_was_allowed(seed):
    one, (x, y), (held_out, truth), probabilities = fitted_regression(seed)
    noise = Noise({"layer": one}, seed=0)
    changes = [noise.sample(index)["layer"] for index in range(10)]

    def predict(inputs, sigma):
        return mean_probabilities([probabilities(inputs, sigma * change) for change in changes])

    before = calibration(probabilities(x), y)
    found = largest_sigma(
        lambda sigma: before.accuracy - calibration(predict(x, sigma), y).accuracy,
        tolerance=0.05,
        start=typical_size({"layer": one}) / 10,
    )
    assert found.sigma > 0
    assert before.accuracy - calibration(predict(x, found.sigma), y).accuracy <= 0.05
    plain = calibration(probabilities(held_out), truth)
    bayesian = calibration(predict(held_out, found.sigma), truth)
    assert bayesian.ece < plain.ece
    assert bayesian.nll < plain.nll
