"""What training measures as it goes: losses, rate, temperature, pairs a second, waiting for data."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from time import perf_counter

import torch

from cvgl_bench.training.gradients import Tensors
from cvgl_bench.training.optimizer import rate_at
from cvgl_bench.training.setting import Recent, Setting, Training

Measured = dict[str, float]
"""One row: `step` and `epoch`, from 1; `learning_rate`; `total` and every loss term, means over the steps
since the last row; `parameter.NAME` of each single number that is trained (such as `logit_scale`, the
logarithm of the inverse temperature); `pairs_per_s` and `waiting_share`, from 0 to 1, over the same steps.
"""


class Monitor:
    """Measures every few steps and at an epoch's end, and whenever somebody looks.

    Only then are numbers fetched from the device, which has to catch up for it.
    """

    def __init__(self, setting: Setting, state: Training, on_measured: Callable[[Measured], None]) -> None:
        self._setting, self._state, self._on_measured = setting, state, on_measured
        self._epoch_steps, self._last = 0, ""

    def begin_epoch(self, steps: int) -> None:
        """Go on to an epoch of so many steps; what lay between epochs took no step's time."""
        self._epoch_steps, state = steps, self._state
        state.tick()
        if state.batch == 0:
            state.recent = Recent(began_s=state.seconds)

    def timed(self, loader: Iterable[Tensors]) -> Iterator[Tensors]:
        """Yield the loader's batches, counting the time that they are waited for."""
        batches = iter(loader)
        while True:
            began = perf_counter()
            batch = next(batches, None)
            self._state.recent.waited_s += perf_counter() - began
            if batch is None:
                return
            yield batch

    def step(self) -> None:
        """Take note of a step, and hand on what was measured where that is due."""
        state = self._state
        state.tick()
        if state.batch % self._setting.log_every == 0 or state.batch == self._epoch_steps:
            measured = self._measure()
            self._last = _in_short(measured)
            self._on_measured(measured)
            state.recent = Recent(began_s=state.seconds)

    def note(self) -> str:
        """Return in short what the latest steps measured."""
        return _in_short(self._measure()) if self._state.recent.steps else self._last

    def _measure(self) -> Measured:
        state, options = self._state, self._setting.options
        recent = state.recent
        losses = {name: value / recent.steps for name, value in recent.sums.items()}
        single = {
            f"parameter.{name}": parameter.detach().float()
            for name, parameter in state.network.named_parameters()
            if parameter.ndim == 0 and parameter.requires_grad
        }
        numbers = _fetched({"total": sum(losses.values(), torch.tensor(0.0)), **losses, **single})
        # After the device has caught up.
        state.tick()
        seconds = state.seconds - recent.began_s
        return {
            "step": state.step,
            "epoch": state.epoch + 1,
            "learning_rate": rate_at(options, state.step - 1, epoch_steps=self._epoch_steps),
            **numbers,
            "pairs_per_s": round(recent.steps * options.batch_size / seconds, 2),
            "waiting_share": round(recent.waited_s / seconds, 4),
        }


def _fetched(tensors: Tensors) -> Measured:
    """Return scalars as numbers, all of them in one copy from the device."""
    device = next(reversed(tensors.values())).device
    together = torch.stack([tensor.to(device) for tensor in tensors.values()])
    return dict(zip(tensors, together.tolist(), strict=True))


def _in_short(measured: Measured) -> str:
    return (
        f"loss {measured['total']:.4g}, {measured['pairs_per_s']:,.3g} pairs/s, "
        f"{100 * measured['waiting_share']:.0f} % waiting for data"
    )
