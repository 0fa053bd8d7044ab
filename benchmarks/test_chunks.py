"""Cost and memory of training in chunks: `pytest benchmarks/test_chunks.py -s`, on a CPU.

Each figure comes from a fork of its own, so that what an allocator keeps of one batch is not met by the
next. Memory is the most that the process held during a step, less what it held before it: network,
optimiser and images are there already.
"""

import contextlib
import os
import re
import time
from pathlib import Path

import numpy as np
import pytest
import torch

pytest.importorskip("cvgl_sample4geo", reason="the plugin cvgl-sample4geo is not installed")

from cvgl_sample4geo.method import Sample4Geo
from cvgl_sample4geo.options import Sample4GeoOptions

from cvgl_bench.method import Context
from cvgl_bench.training.gradients import backward

BATCHES, CHUNK, SIDE, ROUNDS = (64, 256, 1024), 32, 64, 7
MOST_COST, MOST_GROWTH_MB = 1.35, 32
MEMORY = Path("/proc/self")

linux_alone = pytest.mark.skipif(
    not (MEMORY / "clear_refs").exists(), reason="reads memory as Linux tells it"
)


def step_of(pairs):
    """Return a step of a batch as a function of the chunk; one was made already."""
    torch.set_num_threads(1)
    options = Sample4GeoOptions(backbone="convnext_atto", weights="none")
    method = Sample4Geo(options)
    torch.manual_seed(0)
    network = method.build().train()
    batch = {view: torch.randn(pairs, 3, SIDE, SIDE) for view in ("query", "reference")}
    context = Context(step=0, steps=1, epoch=0, epochs=1)

    def step(chunk):
        network.zero_grad()
        backward(
            method,
            network,
            batch,
            context=context,
            chunk=chunk,
            autocast=contextlib.nullcontext,
            scale=lambda loss: loss,
        )

    step(CHUNK)
    return step


def held_mb(field):
    return int(re.search(rf"{field}:\s+(\d+) kB", (MEMORY / "status").read_text())[1]) / 1024


def most_mb(pairs, chunk):
    """Return how much more memory a step holds at most than the process does before it."""
    step = step_of(pairs)
    before = held_mb("VmRSS")
    (MEMORY / "clear_refs").write_text("5")
    step(chunk)
    return held_mb("VmHWM") - before


def cost(pairs):
    """Return the processor time of a step in chunks, in steps of the same batch in one piece."""
    step = step_of(pairs)
    taken = {CHUNK: [], pairs: []}
    for _ in range(ROUNDS):
        for chunk in taken:
            began = time.process_time()
            step(chunk)
            taken[chunk].append(time.process_time() - began)
    return float(np.median(taken[CHUNK]) / np.median(taken[pairs]))


def forked(work, *given):
    """Return what work, which gives a number, finds in a fork of this process."""
    out, into = os.pipe()
    child = os.fork()
    if child == 0:
        code = 1
        with contextlib.suppress(Exception):
            os.write(into, repr(float(work(*given))).encode())
            code = 0
        os._exit(code)
    os.close(into)
    with os.fdopen(out) as answer:
        found = answer.read()
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    return float(found)


def test_a_step_in_chunks_costs_a_forward_pass_more(capsys):
    found = {pairs: forked(cost, pairs) for pairs in (64, 256)}
    with capsys.disabled():
        print(f"\nchunks of {CHUNK}, in unchunked steps: {found}")
    assert max(found.values()) <= MOST_COST


@linux_alone
def test_memory_grows_with_the_chunk_and_not_with_the_batch(capsys):
    chunked = {pairs: forked(most_mb, pairs, CHUNK) for pairs in BATCHES}
    whole = {pairs: forked(most_mb, pairs, pairs) for pairs in BATCHES[:2]}
    with capsys.disabled():
        print(f"\nmemory of a step, MB: chunks of {CHUNK} {chunked}, in one piece {whole}")
    assert chunked[BATCHES[-1]] - chunked[BATCHES[0]] < MOST_GROWTH_MB
    assert whole[BATCHES[1]] > 2 * whole[BATCHES[0]]
