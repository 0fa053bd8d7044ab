"""Faults of the training loop, each of which a test must find."""

from __future__ import annotations

from tests.mutants.mutation import Mutant

LOOP = "cvgl_bench/training/loop.py"
STEP = "cvgl_bench/training/step.py"
EPOCH = "cvgl_bench/training/sampling/epoch.py"
GRADIENTS = "cvgl_bench/training/gradients.py"
STATE = "cvgl_bench/training/state.py"
SELECTION = "cvgl_bench/training/selection.py"
SCHEDULE = "cvgl_bench/training/schedule.py"
BATCHES = "cvgl_bench/training/sampling/batches.py"
NEIGHBOURS = "cvgl_bench/training/sampling/neighbours.py"
LOADING = "cvgl_bench/data/loading.py"
EMBEDDING = "cvgl_bench/embedding/images.py"
LOSSES = "cvgl_bench/networks/losses.py"

TESTS = (
    "tests/training/test_loop.py",
    "tests/training/test_gradients.py",
    "tests/training/test_options.py",
    "tests/training/test_state.py",
    "tests/training/test_selection.py",
    "tests/training/test_schedule.py",
    "tests/training/sampling",
    "tests/networks/test_losses.py",
)
"""What must find them: quick tests of the loop and of what it trains with."""

MUTANTS = (
    Mutant(
        STEP,
        "    nn.utils.clip_grad_value_(parameters, options.clip_value)\n",
        "",
        "no clipping",
    ),
    Mutant(
        STEP,
        "nn.utils.clip_grad_value_(parameters, options.clip_value)",
        "nn.utils.clip_grad_norm_(parameters, options.clip_value)",
        "clipping the norm, not each value",
    ),
    Mutant(
        LOOP,
        "weight_decay=options.weight_decay",
        "weight_decay=0.0",
        "no weight decay",
    ),
    Mutant(
        LOOP,
        "AdamW(parameters, lr=",
        'AdamW([{"params": parameters[:1]}, {"params": parameters[1:], "weight_decay": 0.0}], lr=',
        "decay on the first parameter alone",
    ),
    Mutant(
        STEP,
        '        group["lr"] = options.learning_rate * factor\n',
        '        group["lr"] = options.learning_rate\n',
        "no schedule",
    ),
    Mutant(
        STEP,
        "        state.step, warmup_steps=",
        "        state.epoch * steps, warmup_steps=",
        "schedule by epoch, not by step",
    ),
    Mutant(
        STEP,
        "warmup_steps=options.warmup_epochs * steps",
        "warmup_steps=options.warmup_epochs",
        "epochs of warm-up taken for steps",
    ),
    Mutant(
        SCHEDULE,
        "return (step + 1) / (warmup_steps + 1)",
        "return step / warmup_steps",
        "warm-up from a step at rate zero",
    ),
    Mutant(
        STEP,
        "total_steps=options.epochs * steps",
        "total_steps=steps",
        "the cosine ends with the first epoch",
    ),
    Mutant(
        STEP,
        "    state.scaler.unscale_(optimizer)\n",
        "",
        "clipping gradients that are still scaled",
    ),
    Mutant(
        STEP,
        "    state.scaler.update()\n",
        "",
        "a scale that never falls after an overflow",
    ),
    Mutant(
        STEP,
        "    state.scaler.step(optimizer)\n",
        "    optimizer.step()\n",
        "stepping with gradients that overflowed",
    ),
    Mutant(
        STEP,
        "        state.optimizer.zero_grad(set_to_none=True)\n",
        "",
        "gradients add up over steps",
    ),
    Mutant(
        LOOP,
        "            state.network.train()\n",
        "            state.network.eval()\n",
        "training in evaluation mode",
    ),
    Mutant(
        EMBEDDING,
        "    network.eval()\n",
        "",
        "mining in training mode",
    ),
    Mutant(
        GRADIENTS,
        "scale(total(terms)).backward()\n        return terms\n",
        "scale(total(terms) / len(terms)).backward()\n        return terms\n",
        "the mean of the loss terms, not their sum",
    ),
    Mutant(
        LOOP,
        "float(value) / state.batch for",
        "float(value) for",
        "the sum over an epoch reported as its mean",
    ),
    Mutant(
        LOSSES,
        "return (forth + back) / 2",
        "return forth",
        "a one-sided loss",
    ),
    Mutant(
        EPOCH,
        "np.hstack([split.covers, split.also_true]) if options.keep_covers_apart else None",
        "None",
        "covers never kept apart",
    ),
    Mutant(
        EPOCH,
        "(epoch - 1) % options.mine_every == 0",
        "True",
        "mining every epoch",
    ),
    Mutant(
        EPOCH,
        "(epoch - 1) % options.mine_every == 0",
        "epoch % options.mine_every == 0",
        "mining an epoch early",
    ),
    Mutant(
        EPOCH,
        "nearest(queries, references, pool + 1,",
        "nearest(queries, references, pool,",
        "a mined pool one short",
    ),
    Mutant(
        NEIGHBOURS,
        "width = min(pool + 1, len(used))",
        "width = min(pool, len(used))",
        "a geographic pool one short",
    ),
    Mutant(
        EPOCH,
        "        metric=setting.options.neighbour_metric,\n",
        "",
        "the neighbours' distance not passed on",
    ),
    Mutant(
        EPOCH,
        "        owner=setting.options.neighbour_owner,\n",
        "",
        "the owner of geographic neighbours not passed on",
    ),
    Mutant(
        EPOCH,
        "similar_neighbours(used[found.rows], truth=split.truth, pool=pool, owner=owner)",
        "similar_neighbours(used[found.rows], truth=split.truth, pool=pool)",
        "the owner of mined neighbours not passed on",
    ),
    Mutant(
        EPOCH,
        "similar_neighbours(used[found.rows],",
        "similar_neighbours(found.rows,",
        "rows among the used references taken for rows of all",
    ),
    Mutant(
        EPOCH,
        "np.random.default_rng([options.seed, epoch])",
        "np.random.default_rng([options.seed, 1])",
        "the same batches every epoch",
    ),
    Mutant(
        LOADING,
        "np.random.default_rng([self._seed, epoch, row])",
        "np.random.default_rng([self._seed, row])",
        "the same augmentation every epoch",
    ),
    Mutant(
        LOADING,
        "self._images.reference(self._truth[row])",
        "self._images.reference(self._truth[row - 1])",
        "pairs shifted by one",
    ),
    Mutant(
        BATCHES,
        """        if len(batch) < batch_size:
            break
        batches.append(batch)
""",
        """        batches.append(batch)
    while len(left_over := epoch.take_batch(batch_size, 1)) and len(batches[-1]) == batch_size:
        batches.append((left_over * batch_size)[:batch_size])
""",
        "an incomplete last batch filled up with copies",
    ),
    Mutant(
        BATCHES,
        "reference in batch.references or reference in batch.avoided",
        "reference in batch.avoided",
        "two pairs of one reference in a batch",
    ),
    Mutant(
        SELECTION,
        "if recall > self._best:",
        "if self._best < 0 or recall < self._best:",
        "selection of the worst epoch",
    ),
    Mutant(
        SELECTION,
        "if recall > self._best:",
        "if recall >= self._best:",
        "of equal epochs the last, not the first",
    ),
    Mutant(
        SELECTION,
        "        network.load_state_dict(read_tensors(self._folder / BEST), strict=True)\n",
        "",
        "the last weights reported as the best",
    ),
    Mutant(
        LOOP,
        "rows[state.batch :]",
        "rows",
        "a resumed epoch from its first batch",
    ),
    Mutant(
        EPOCH,
        "if due and state.batch == 0:",
        "if due:",
        "mining again when resumed within an epoch",
    ),
    Mutant(
        GRADIENTS,
        "    before.restore()\n    wanted",
        "    wanted",
        "other dropout in the second pass of a chunk",
    ),
    Mutant(
        GRADIENTS,
        "slice(number * chunk, number * chunk + _row_count(part))",
        "slice(0, _row_count(part))",
        "the first chunk's gradient for every chunk",
    ),
    Mutant(
        GRADIENTS,
        "    _set_generators(device, after)\n",
        "",
        "random numbers repeated after a step in chunks",
    ),
    Mutant(
        STEP,
        "        before.restore()\n",
        "",
        "other dropout where a step is done again",
    ),
    Mutant(
        STATE,
        '("epoch", "step", "batch", "chunk",',
        '("epoch", "batch", "chunk",',
        "a resumed schedule from its first step",
    ),
    Mutant(
        STATE,
        '"batch", "chunk",',
        '"batch",',
        "resuming with chunks that did not fit",
    ),
    Mutant(
        STATE,
        "        _restore_optimizer(state, _under(tensors, OPTIMIZER))\n",
        "",
        "resuming without the optimiser's momentum",
    ),
    Mutant(
        STATE,
        '        state.scaler.load_state_dict(numbers["scaler"])\n',
        "",
        "resuming at the first gradient scale",
    ),
    Mutant(
        STATE,
        '    torch.set_rng_state(tensors["rng"])\n',
        "",
        "resuming with other random numbers",
    ),
    Mutant(
        STATE,
        "tensors |= {SUMS + name: value for name, value in state.sums.items()}",
        "pass",
        "resuming without the epoch's losses so far",
    ),
    Mutant(
        STATE,
        '        state.neighbours = tensors["neighbours"].numpy().astype(np.int64)\n',
        "        pass\n",
        "resuming with the first neighbours",
    ),
)
