"""Exact ranks against the bare matrix product: `pytest benchmarks/test_ranking.py -s`.

Sizes are those of the project's targets: 5,000 queries, 50,000 references, 1,024 dimensions. Set
CVGL_BENCHMARK_QUERIES and CVGL_BENCHMARK_REFERENCES for others, such as 52605 and 90618 for VIGOR's
same-area test split. Product and ranking take turns, so that a busy machine slows both.
"""

import os
import threading
import time
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import torch

from cvgl_bench.ranking import nearest, rank
from cvgl_bench.ranking.precision import resolve
from cvgl_bench.ranking.ranking import BLOCK, CPU

QUERIES = int(os.environ.get("CVGL_BENCHMARK_QUERIES", 5_000))
REFERENCES = int(os.environ.get("CVGL_BENCHMARK_REFERENCES", 50_000))
ROUNDS = int(os.environ.get("CVGL_BENCHMARK_ROUNDS", 3))
DIMENSIONS = 1024
SAMPLE_S = 0.005

PRODUCT_TILE = 1024, 2048
"""Queries and references of a tile of the bare product: of those tried, the fastest on two cores."""


def unit(rows):
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    return rows


def trained(generator):
    """A decaying spectrum, and queries at a cosine of about 0.75 to their reference."""
    spectrum = np.arange(1, DIMENSIONS + 1, dtype=np.float32) ** -0.5
    references = unit(noise(generator, REFERENCES) * spectrum)
    truth = generator.integers(REFERENCES, size=QUERIES)
    return (
        unit(0.75 * references[truth] + 0.66 * unit(noise(generator, QUERIES) * spectrum)),
        references,
        truth,
    )


def untrained(generator):
    """All embeddings share most of their length, as those of a network without training do."""
    centre = noise(generator, 1)
    queries, references = (unit(centre + 0.1 * noise(generator, count)) for count in (QUERIES, REFERENCES))
    return queries, references, generator.integers(REFERENCES, size=QUERIES)


def random(generator):
    queries, references = (unit(noise(generator, count)) for count in (QUERIES, REFERENCES))
    return queries, references, generator.integers(REFERENCES, size=QUERIES)


def collapsed(generator):
    """A model that has collapsed to one point but for float32 noise: most scores tie."""
    centre = unit(noise(generator, 1))
    queries, references = (unit(centre + 3e-8 * noise(generator, count)) for count in (QUERIES, REFERENCES))
    return queries, references, generator.integers(REFERENCES, size=QUERIES)


def equal(generator):
    one = unit(noise(generator, 1))
    return (
        np.repeat(one, QUERIES, 0),
        np.repeat(one, REFERENCES, 0),
        generator.integers(REFERENCES, size=QUERIES),
    )


def cities(generator):
    """Four points but for noise: no one centre takes the rounding away, only float64 tells scores apart."""
    centres = unit(noise(generator, 4))
    queries, references = (
        unit(centres[generator.integers(4, size=count)] + 3e-7 * noise(generator, count))
        for count in (QUERIES, REFERENCES)
    )
    return queries, references, generator.integers(REFERENCES, size=QUERIES)


def codes(generator):
    """Binary codes: scores take few values, so that many references tie with the truth."""
    queries, references = (unit(np.sign(noise(generator, count))) for count in (QUERIES, REFERENCES))
    return queries, references, generator.integers(REFERENCES, size=QUERIES)


def sparse(generator):
    """Few dimensions other than zero: most pairs share none and tie at 0, the truth's score."""
    queries, references = (
        unit(noise(generator, count) * (generator.random((count, DIMENSIONS), np.float32) < 0.02))
        for count in (QUERIES, REFERENCES)
    )
    return queries, references, generator.integers(REFERENCES, size=QUERIES)


def noise(generator, count):
    return generator.standard_normal((count, DIMENSIONS), np.float32)


def product(queries, references):
    """The float32 product alone, in tiles that each overwrite the last."""
    queries, references = torch.from_numpy(queries), torch.from_numpy(references)
    lines, columns = PRODUCT_TILE
    out = torch.empty(lines, columns)
    for there in references.split(columns):
        for here in queries.split(lines):
            torch.mm(here, there.T, out=out.view(-1)[: len(here) * len(there)].view(len(here), -1))


def by_full_rows(queries, references, truth):
    """The usual evaluator: whole rows of scores, a mask for the rank, then the top."""
    queries, references = torch.from_numpy(queries), torch.from_numpy(references)
    for start in range(0, len(queries), 1000):
        scores = queries[start : start + 1000] @ references.T
        own = scores[torch.arange(len(scores)), torch.from_numpy(truth[start : start + 1000])]
        (scores > own[:, None]).sum(dim=1)
        scores.topk(10, dim=1)


@contextmanager
def peak_mb():
    """Give a list that holds, afterwards, the most memory (MB) in use beyond that at the start."""
    page_mb = os.sysconf("SC_PAGE_SIZE") / 2**20
    statm = Path("/proc/self/statm")
    before, done, peak = int(statm.read_text().split()[1]), threading.Event(), []

    def watch():
        most = before
        while not done.wait(SAMPLE_S):
            most = max(most, int(statm.read_text().split()[1]))
        peak.append((most - before) * page_mb)

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        yield peak
    finally:
        done.set()
        watcher.join()


def timed(task, *arguments):
    began, processor_began = time.perf_counter(), time.process_time()
    task(*arguments)
    return time.perf_counter() - began, time.process_time() - processor_began


@pytest.mark.parametrize("precision", ["auto", "float32"])
@pytest.mark.parametrize(
    "kind",
    [trained, random, untrained, collapsed, equal, cities, codes, sparse],
    ids=lambda kind: kind.__name__,
)
def test_ranking_against_the_product(benchmark, capsys, kind, precision):
    generator = np.random.default_rng(0)
    queries, references, truth = kind(generator)
    covers = generator.integers(-1, REFERENCES, (QUERIES, 3))
    search = partial(rank, precision=precision)
    search(queries[:8], references[:8], np.arange(8), covers[:8] % 8)
    products, rankings = [], []

    def once():
        rankings.append(timed(search, queries, references, truth, covers))

    with peak_mb() as peak:
        benchmark.pedantic(
            once, setup=lambda: products.append(timed(product, queries, references)), rounds=ROUNDS
        )
    wall, processor = (min(r[n] for r in rankings) / min(p[n] for p in products) for n in (0, 1))
    benchmark.extra_info.update(wall_ratio=wall, processor_ratio=processor, peak_mb=peak[0])
    with capsys.disabled():
        print(
            f"\n{kind.__name__}, {resolve(precision, CPU)}, {QUERIES:,} x {REFERENCES:,} x {DIMENSIONS}: "
            f"product {min(products)[0]:.2f} s, ranking {min(rankings)[0]:.2f} s: {wall:.2f} times "
            f"(processor time {processor:.2f} times), {peak[0]:.0f} MB added"
        )


def test_usual_evaluator_against_the_product(benchmark, capsys):
    generator = np.random.default_rng(0)
    queries, references, truth = trained(generator)
    products, others = [], []
    with peak_mb() as peak:
        benchmark.pedantic(
            lambda: others.append(timed(by_full_rows, queries, references, truth)),
            setup=lambda: products.append(timed(product, queries, references)),
            rounds=ROUNDS,
        )
    wall, processor = (min(r[n] for r in others) / min(p[n] for p in products) for n in (0, 1))
    with capsys.disabled():
        print(f"\nusual evaluator: {wall:.2f} times (processor time {processor:.2f}), {peak[0]:.0f} MB added")


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU")
@pytest.mark.parametrize("precision", ["float32", "bfloat16", "float16"])
@pytest.mark.parametrize("kind", [trained, random], ids=lambda kind: kind.__name__)
def test_ranking_on_a_gpu(benchmark, capsys, kind, precision):
    generator = np.random.default_rng(0)
    queries, references, truth = kind(generator)
    covers = generator.integers(-1, REFERENCES, (QUERIES, 3))
    gpu = torch.device("cuda")
    here, there = (torch.from_numpy(rows).to(gpu) for rows in (queries, references))
    rank(here[:8], there[:8], np.arange(8), covers[:8] % 8, device=gpu, precision=precision)
    products = []

    def bare():
        torch.cuda.synchronize()
        began = time.perf_counter()
        for part in here.split(BLOCK["cuda"][0]):
            part @ there.T
        torch.cuda.synchronize()
        products.append(time.perf_counter() - began)

    benchmark.pedantic(
        lambda: rank(here, there, truth, covers, device=gpu, precision=precision), setup=bare, rounds=ROUNDS
    )
    with capsys.disabled():
        ratio, name = benchmark.stats["min"] / min(products), torch.cuda.get_device_name()
        print(f"\n{kind.__name__}, {precision}: {ratio:.2f} times the float32 product, {name}")


@pytest.mark.parametrize("index", ["flat", "ivf", "ivf-pq"])
def test_nearest(benchmark, capsys, index):
    queries, references, _ = trained(np.random.default_rng(0))
    found = benchmark.pedantic(lambda: nearest(queries, references, 128, index=index), rounds=1)
    with capsys.disabled():
        print(f"\n{found}, {benchmark.stats['min']:.1f} s")
