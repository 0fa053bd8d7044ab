"""Several processes that compute one run together, over torch.distributed; one alone is the usual case."""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from datetime import timedelta
from importlib import import_module
from typing import Any, TypeVar, cast

import torch
import torch.distributed as dist
from torch import Tensor
from torch.distributed import PrefixStore  # type: ignore[attr-defined]  # torch does not list it

from cvgl_bench.foundation.errors import CvglError, ProcessError, in_one_line
from cvgl_bench.foundation.launch import Launch

Answer = TypeVar("Answer")

MEETING_S = 300.0
"""How long processes that were started together wait for the last of them."""

ROLL_CALL_S = 5.0
"""How long those that are left wait for each other to find out who is missing; torchrun kills after 30."""

ECHO_S = 2.0
"""How long a process with an error waits to see whether the first one has the same to say."""

LINGER_S = 0.3
"""How long the first process stays for the others to read what it has said."""

BUCKET = 2**25
"""Numbers that are summed over processes at a time, 128 MiB of them."""


class ProcessGroup:
    """The processes of a run. Alone, every method gives back what it was given.

    Small things travel over gloo on the CPU, tensors of a GPU over NCCL. What a process that is gone or
    hangs makes impossible raises ProcessError, which names it.
    """

    def __init__(self, launch: Launch | None = None) -> None:
        self.launch = launch or Launch()
        self.number, self.count, self.first = self.launch.number, self.launch.count, self.launch.first
        self._store: Any = None
        self._on_gpu: Any = None
        self._wait_s = MEETING_S

    def join(self) -> None:
        """Find the other processes at the address that the environment gives."""
        # torch names the function like its module and does not export it.
        rendezvous = import_module("torch.distributed.rendezvous").rendezvous
        try:
            store, _, _ = next(rendezvous("env://", timeout=timedelta(seconds=MEETING_S)))
        except (RuntimeError, ValueError) as error:
            raise ProcessError(
                f"{self.launch} does not reach the others at MASTER_ADDR and MASTER_PORT "
                f"({in_one_line(error)[:200]}). Check both, and that the first process runs there."
            ) from None
        self._store = PrefixStore("cvgl-bench", store)

    def leave(self) -> None:
        """Part from the others, all of which have come to the end."""
        if dist.is_initialized():
            dist.destroy_process_group()

    def meet(self, wait_s: float) -> None:
        """Form the group; from here on a process that the others wait for longer than `wait_s` is missed."""
        if self.count == 1 or dist.is_initialized():
            return
        self._store.set(f"met/{self.number}", "")
        missing = self._missing("met", within_s=MEETING_S)
        if missing:
            raise self._gone(missing, f"did not come within {MEETING_S:g} s")
        self._wait_s = wait_s
        with self._heard():
            dist.init_process_group(
                "gloo",
                store=PrefixStore("gloo", self._store),
                rank=self.number,
                world_size=self.count,
                timeout=timedelta(seconds=wait_s),
            )

    def use(self, device: torch.device) -> None:
        """Let tensors of a device travel by what suits it."""
        if self.count > 1 and device.type == "cuda" and self._on_gpu is None:
            torch.cuda.set_device(device)
            with self._heard():
                self._on_gpu = dist.new_group(backend="nccl", timeout=timedelta(seconds=self._wait_s))

    @property
    def synchronises(self) -> bool:
        """Whether layers may normalise over the pairs of all processes, which torch offers for GPUs alone."""
        return self._on_gpu is not None

    def synchronise(self, network: torch.nn.Module) -> None:
        """Let layers inside a network that normalise over a batch do so over all processes' parts of it."""
        if self.synchronises:
            torch.nn.SyncBatchNorm.convert_sync_batchnorm(network, self._on_gpu)

    def share(self, total: int, *, unit: int = 1) -> slice:
        """Return the rows of `total` that are this process's: whole units, in order, as even as can be."""
        return self.shares(total, unit=unit)[self.number]

    def shares(self, total: int, *, unit: int = 1) -> list[slice]:
        """Return the rows of every process."""
        units = -(-total // unit)
        edges = [
            min(unit * (number * (units // self.count) + min(number, units % self.count)), total)
            for number in range(self.count + 1)
        ]
        return [slice(first, last) for first, last in zip(edges, edges[1:], strict=False)]

    def gather(self, rows: dict[str, Tensor], total: int) -> dict[str, Tensor]:
        """Return the rows of all processes, (total, ...), of named tensors of which each holds its share."""
        if self.count == 1:
            return rows
        shares = self.shares(total)
        own, most = shares[self.number], shares[0].stop
        names = list(rows)
        tables = [_bytes_of(rows[name], own.stop - own.start) for name in names]
        packed = torch.cat(tables, dim=1)
        padded = packed.new_zeros(most, packed.shape[1])
        padded[: len(packed)] = packed
        parts = [torch.empty_like(padded) for _ in range(self.count)]
        with self._heard():
            dist.all_gather(parts, padded, group=self._group_of(padded))
        joined = torch.cat([part[: s.stop - s.start] for part, s in zip(parts, shares, strict=True)])
        columns = joined.split([table.shape[1] for table in tables], dim=1)
        return {
            name: column.contiguous().view(rows[name].dtype).reshape(total, *rows[name].shape[1:])
            for name, column in zip(names, columns, strict=True)
        }

    def add_up(self, tensors: Iterable[Tensor]) -> None:
        """Replace tensors by their sums over the processes."""
        if self.count == 1:
            return
        for bucket in _buckets(tensors):
            flat = torch.cat([tensor.reshape(-1) for tensor in bucket])
            with self._heard():
                dist.all_reduce(flat, group=self._group_of(flat))
            parts = flat.split([tensor.numel() for tensor in bucket])
            for tensor, part in zip(bucket, parts, strict=True):
                tensor.copy_(part.view(tensor.shape))

    def any(self, flag: bool) -> bool:
        """Return whether the flag is set in any process."""
        if self.count == 1:
            return flag
        flags = torch.tensor([int(flag)])
        self.add_up([flags])
        return bool(flags.item())

    def collect(self, thing: Answer) -> list[Answer]:
        """Return what every process gives, in order."""
        if self.count == 1:
            return [thing]
        things: list[Any] = [None] * self.count
        with self._heard():
            dist.all_gather_object(things, thing)
        return things

    def first_says(self, function: Callable[[], Answer]) -> Answer:
        """Return what a function gives in the first process, which alone calls it; raise what it raises."""
        if self.count == 1:
            return function()
        said: list[Any] = [None, None]
        if self.first:
            try:
                said[0] = function()
            except CvglError as error:
                said[1] = error
        with self._heard():
            dist.broadcast_object_list(said, src=0)
        if said[1] is not None:
            raise said[1]
        return cast(Answer, said[0])

    def await_all(self) -> None:
        """Wait until every process has come here."""
        self.any(False)

    @contextmanager
    def shared_fate(self, kind: type[Exception]) -> Iterator[None]:
        """Raise in all processes what one of them raises in the block, so that all do the same next."""
        try:
            yield
        except kind:
            self.any(True)
            raise
        if self.any(False):
            raise kind("Another process raised it.")

    def voice(self, error: CvglError) -> str | None:
        """Return what this process prints of an error that ends it, or None where another one says it."""
        if self.count == 1:
            return str(error)
        if isinstance(error, ProcessError):
            return str(error) if error.spoken_here else None
        with suppress(RuntimeError):
            self._store.set(f"ended/{self.number}", str(error))
            others = range(1, self.count) if self.first else [0]
            # The first waits too: what the processes find each other by may end with it.
            self._waited([f"ended/{number}" for number in others], ECHO_S)
            time.sleep(LINGER_S if self.first else 0)
            if not self.first and self._there("ended/0"):
                return None if self._store.get("ended/0").decode() == str(error) else self._named(error)
        return str(error) if self.first else self._named(error)

    def _named(self, error: CvglError) -> str:
        return f"{self.launch}: {error}"

    def _group_of(self, tensor: Tensor) -> Any:
        return self._on_gpu if tensor.is_cuda else None

    @contextmanager
    def _heard(self) -> Iterator[None]:
        """Turn the failure of what needs all processes into an error that names the one to blame."""
        began = time.monotonic()
        try:
            yield
        except torch.cuda.OutOfMemoryError:
            raise
        except RuntimeError as error:
            hangs = time.monotonic() - began >= self._wait_s
            raise self._broken(error, hangs=hangs) from None

    def lost(self) -> ProcessError | None:
        """Return an error that names the processes that are gone, if any are; all others must ask."""
        if not dist.is_initialized():
            return None
        try:
            missing = self._roll_call()
        except RuntimeError:
            # The first process holds what the others find each other by, unless torchrun does.
            missing = [0]
        # One that waits for this one in the midst of a library cannot answer either.
        return self._gone(missing, "does not answer") if missing else None

    def _broken(self, error: RuntimeError, *, hangs: bool) -> ProcessError:
        try:
            missing = self._roll_call()
        except RuntimeError:
            return self._gone([0], "has ended")
        if not missing:
            text = f"The processes lost each other ({in_one_line(error)[:200]}). Continue with --resume."
            return ProcessError(text, spoken_here=self.first)
        return self._gone(missing, f"gave no answer for {self._wait_s:g} s" if hangs else "has ended")

    def _roll_call(self) -> list[int]:
        """Return the processes that do not call themselves here; a launcher may want to end this one now."""
        with _undisturbed():
            self._store.set(f"here/{self.number}", "")
            missing = self._missing("here", within_s=ROLL_CALL_S)
            time.sleep(LINGER_S if self.first else 0)
            return missing

    def _gone(self, missing: list[int], what: str) -> ProcessError:
        said = any(self._there(f"ended/{number}") for number in missing)
        left = min(number for number in range(self.count) if number not in missing)
        names = ", ".join(map(str, missing))
        text = (
            f"RANK {names} of {self.count} processes {what}, so that the run cannot go on. Look at what it "
            "printed and at its machine's memory, then continue with --resume."
        )
        return ProcessError(text, spoken_here=not said and self.number == left)

    def _missing(self, key: str, *, within_s: float) -> list[int]:
        """Return the processes that have neither set `key` nor said why they end, after some time at most."""
        until = time.monotonic() + within_s
        while True:
            missing = [n for n in range(self.count) if not self._store.check([f"{key}/{n}"])]
            said = any(self._store.check([f"ended/{n}"]) for n in missing)
            if not missing or said or time.monotonic() > until:
                return missing
            time.sleep(0.05)

    def _waited(self, keys: list[str], seconds: float) -> None:
        until = time.monotonic() + seconds
        while not self._store.check(keys) and time.monotonic() < until:
            time.sleep(0.05)

    def _there(self, key: str) -> bool:
        with suppress(RuntimeError):
            return bool(self._store.check([key]))
        return False


ALONE = ProcessGroup()
"""A run in one process."""


@contextmanager
def _undisturbed() -> Iterator[None]:
    """Leave Ctrl-C and SIGTERM out of account while a block runs, in the thread that they reach."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    handlers = {number: signal.signal(number, signal.SIG_IGN) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in handlers.items():
            signal.signal(number, handler)


def _bytes_of(rows: Tensor, count: int) -> Tensor:
    """Return the rows as a table of bytes: one kind of number travels, whatever backends know."""
    return rows.detach().reshape(count, -1).contiguous().view(torch.uint8)


def _buckets(tensors: Iterable[Tensor]) -> Iterator[list[Tensor]]:
    """Yield tensors in groups of one type and device, together not much more than BUCKET numbers."""
    kinds: dict[Any, list[Tensor]] = {}
    for tensor in tensors:
        kinds.setdefault((tensor.dtype, tensor.device), []).append(tensor)
    for kind in kinds.values():
        bucket: list[Tensor] = []
        for tensor in kind:
            if bucket and sum(map(Tensor.numel, bucket)) + tensor.numel() > BUCKET:
                yield bucket
                bucket = []
            bucket.append(tensor)
        yield bucket
