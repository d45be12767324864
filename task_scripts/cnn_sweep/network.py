"""A convolutional network of two layers, and its training, in JAX.

What it learns depends on its setting, its seed and the digits alone: not on other trainings.
"""

import os
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, NamedTuple

_DEVICE = os.environ.get("FANFARE_DEVICE", "cpu")
# One thread a training: a node runs one task in each slot, and sums keep their order.
_ONE_THREAD = "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1"
_ON_GPU = _DEVICE.startswith("cuda")
os.environ["JAX_PLATFORMS"] = "cuda,cpu" if _ON_GPU else "cpu"
os.environ["XLA_FLAGS"] = f"{os.environ.get('XLA_FLAGS', '')} {_ONE_THREAD}".strip()

import jax  # noqa: E402 - it reads the variables above
import jax.numpy as jnp  # noqa: E402
import numpy as np  # noqa: E402

if TYPE_CHECKING or __package__:
    from task_scripts.cnn_sweep.datasets import Digits
else:  # on a node the files are in one folder
    from datasets import Digits

Weights = dict[str, jax.Array]

BATCH = 50
_MOMENTUM = 0.9
_DECAY = 1e-4  # of the weights, against learning by heart
_AT_ONCE = 500  # images whose labels are predicted together
_LAYOUT = ("NHWC", "HWIO", "NHWC")


class NoDevice(Exception):
    """The device that the node gave to the task cannot be used; the message says why."""


class Diverged(Exception):
    """The loss of a training is not a number any more; the message says when."""


class Epoch(NamedTuple):
    """How a training stood after a pass over its images: mean losses, and shares from 0 to 1."""

    number: int
    training_loss: float
    validation_loss: float
    validation_accuracy: float


def check_device() -> None:
    """Raise NoDevice unless the device that the node gave to the task can compute."""
    if _ON_GPU and jax.default_backend() == "cpu":
        raise NoDevice(
            f"FANFARE_DEVICE is {_DEVICE}, and this JAX finds no GPU: "
            "use an image that has jax[cuda12]"
        )


def begun(seed: int, size: tuple[int, int], width: int, classes: int) -> Weights:
    """Draw the weights with which a training begins; `width` counts channels of the first layer."""
    first, second, last = jax.random.split(jax.random.key(seed), 3)
    flat = (size[0] // 4) * (size[1] // 4) * 2 * width
    return {
        "first": _drawn(first, (3, 3, 1, width)),
        "first_bias": jnp.zeros(width),
        "second": _drawn(second, (3, 3, width, 2 * width)),
        "second_bias": jnp.zeros(2 * width),
        "last": _drawn(last, (flat, classes)),
        "last_bias": jnp.zeros(classes),
    }


def _drawn(key: jax.Array, shape: tuple[int, ...]) -> jax.Array:
    inputs = int(np.prod(shape[:-1]))
    return jax.random.normal(key, shape) * (2 / inputs) ** 0.5


def _scores(weights: Weights, images: jax.Array) -> jax.Array:
    """Return a score for each class."""
    seen = images[..., None]
    for layer in ("first", "second"):
        seen = jax.lax.conv_general_dilated(
            seen, weights[layer], (1, 1), "SAME", dimension_numbers=_LAYOUT
        )
        seen = jax.nn.relu(seen + weights[f"{layer}_bias"])
        count, high, wide, depth = seen.shape
        even = seen[:, : high // 2 * 2, : wide // 2 * 2]
        seen = even.reshape(count, high // 2, 2, wide // 2, 2, depth).max((2, 4))
    return seen.reshape(len(seen), -1) @ weights["last"] + weights["last_bias"]


def _loss(weights: Weights, images: jax.Array, labels: jax.Array) -> jax.Array:
    told = _logarithms(weights, images)
    return -jnp.take_along_axis(told, labels[:, None], 1).mean()


def _step(
    weights: Weights, speed: Weights, images: jax.Array, labels: jax.Array, rate: jax.Array
) -> tuple[Weights, Weights, jax.Array]:
    """Take one step of gradient descent with momentum; return its loss, too."""
    loss, slope = jax.value_and_grad(_loss)(weights, images, labels)
    speed = jax.tree.map(
        lambda fast, steep, at: _MOMENTUM * fast + steep + _DECAY * at, speed, slope, weights
    )
    weights = jax.tree.map(lambda at, fast: at - rate * fast, weights, speed)
    return weights, speed, loss


def _logarithms(weights: Weights, images: jax.Array) -> jax.Array:
    return jax.nn.log_softmax(_scores(weights, images))


_learnt, _judged = jax.jit(_step), jax.jit(_logarithms)


def predicted(weights: Mapping[str, np.ndarray], images: np.ndarray) -> np.ndarray:
    """Return the logarithm of each class's probability, a row for each image."""
    held = {name: jnp.asarray(value) for name, value in weights.items()}
    rows = [
        np.asarray(_judged(held, images[start : start + _AT_ONCE]))
        for start in range(0, len(images), _AT_ONCE)
    ]
    return np.concatenate(rows)


def standing(weights: Mapping[str, np.ndarray], digits: Digits) -> tuple[float, float]:
    """Return the mean loss on digits, and the share of them that is classified rightly."""
    told = predicted(weights, digits.images)
    right = told[np.arange(len(told)), digits.labels]
    return float(-right.mean()), float((told.argmax(1) == digits.labels).mean())


def trained(
    weights: Weights, learning: Digits, validation: Digits, *, rate: float, seed: int, epochs: int
) -> Iterator[tuple[Epoch, Weights]]:
    """Yield how the training stands after each epoch, and its weights. Raises Diverged.

    The rate falls to nothing along half a cosine.
    """
    speed = jax.tree.map(jnp.zeros_like, weights)
    order = np.random.Generator(np.random.PCG64(seed))
    steps = len(learning.labels) // BATCH
    for number in range(1, epochs + 1):
        mixed = order.permutation(len(learning.labels))
        losses = []
        for step in range(steps):
            chosen = mixed[step * BATCH : (step + 1) * BATCH]
            done = ((number - 1) * steps + step) / (epochs * steps)
            now = rate * (1 + np.cos(np.pi * done)) / 2
            weights, speed, loss = _learnt(
                weights, speed, learning.images[chosen], learning.labels[chosen], now
            )
            losses.append(loss)
        mean = float(jnp.stack(losses).mean())
        epoch = Epoch(number, mean, *standing(weights, validation))
        if not (np.isfinite(mean) and np.isfinite(epoch.validation_loss)):
            raise Diverged(f"its loss is {mean:g} in epoch {number}")
        yield epoch, weights
