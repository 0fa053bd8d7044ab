"""Faults of the training loop, each of which a test must find."""

from __future__ import annotations

from tests.mutants.mutation import Mutant

LOOP = "cvgl_bench/training/loop.py"
STEP = "cvgl_bench/training/step.py"
OPTIMIZER = "cvgl_bench/training/optimizer.py"
OPTIMIZER_STATE = "cvgl_bench/training/optimizer_state.py"
SHARPNESS = "cvgl_bench/training/sharpness.py"
SETTING = "cvgl_bench/training/setting.py"
MONITOR = "cvgl_bench/training/monitor.py"
STEPS_FILE = "cvgl_bench/training/steps_file.py"
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
    "tests/training/test_optimizer_options.py",
    "tests/training/test_optimizer_state.py",
    "tests/training/methods",
    "tests/training/test_monitor.py",
    "tests/training/test_steps_file.py",
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
        "        nn.utils.clip_grad_value_(parameters, options.clip_value)\n",
        "        pass\n",
        "no clipping",
    ),
    Mutant(
        STEP,
        "nn.utils.clip_grad_value_(parameters, options.clip_value)",
        "nn.utils.clip_grad_norm_(parameters, options.clip_value)",
        "clipping the norm, not each value",
    ),
    Mutant(
        OPTIMIZER,
        "options.weight_decay if group.weight_decay is None",
        "0.0 if group.weight_decay is None",
        "no weight decay",
    ),
    Mutant(
        OPTIMIZER,
        '"weight_decay": own_decay}',
        '"weight_decay": own_decay if parameters[0].ndim > 1 else 0.0}',
        "decay where the first parameter is a matrix",
    ),
    Mutant(
        OPTIMIZER,
        "peak_rate(options) * schedule_of(options, epoch_steps=epoch_steps).at(step)",
        "peak_rate(options)",
        "no schedule",
    ),
    Mutant(
        STEP,
        "rate_at(options, state.step, epoch_steps",
        "rate_at(options, state.epoch * epoch_steps, epoch_steps",
        "schedule by epoch, not by step",
    ),
    Mutant(
        OPTIMIZER,
        "warmup_steps=options.warmup_epochs * epoch_steps",
        "warmup_steps=options.warmup_epochs",
        "epochs of warm-up taken for steps",
    ),
    Mutant(
        SCHEDULE,
        "return (step + 1) / (self.warmup_steps + 1)",
        "return step / self.warmup_steps",
        "warm-up from a step at rate zero",
    ),
    Mutant(
        OPTIMIZER,
        "total_steps=options.epochs * epoch_steps",
        "total_steps=epoch_steps",
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
        "scale(total(terms)).backward()\n        return",
        "scale(total(terms) / len(terms)).backward()\n        return",
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
        "k = setting.options.neighbour_pool + 1",
        "k = setting.options.neighbour_pool",
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
        "        network.load_state_dict(best, strict=True)\n",
        "",
        "the last weights reported as the best",
    ),
    Mutant(
        LOOP,
        "rows[state.batch :, ",
        "rows[:, ",
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
        "        self._before.restore_generators()\n",
        "",
        "other dropout in the second pass of a chunk",
    ),
    Mutant(
        GRADIENTS,
        "        self._before.restore()\n        for chunk",
        "        for chunk",
        "running statistics that count a chunk twice",
    ),
    Mutant(
        GRADIENTS,
        "gradient[chunk] for name",
        "gradient[: chunk.stop - chunk.start] for name",
        "the first chunk's gradient for every chunk",
    ),
    Mutant(
        GRADIENTS,
        "        _set_generators(self._device, after)\n",
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
        '        restore_optimizer(state.optimizer, _under(tensors, OPTIMIZER), numbers["optimizer"])\n',
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
    Mutant(
        STEP,
        "nn.utils.clip_grad_norm_(parameters, options.clip_norm)",
        "nn.utils.clip_grad_value_(parameters, options.clip_norm)",
        "clipping each value, not the norm",
    ),
    Mutant(
        STEP,
        "                setting.method.after_step(state.network, outputs, context)\n",
        "                pass\n",
        "a teacher that never learns",
    ),
    Mutant(
        STEP,
        "            state.average.update(state.network, step=state.step)\n",
        "            pass\n",
        "an average that stays where it began",
    ),
    Mutant(
        SETTING,
        "self.network if self.average is None else self.average.module",
        "self.network",
        "an average that nothing evaluates",
    ),
    Mutant(
        STATE,
        "            state.average.module.load_state_dict(_under(tensors, AVERAGE), strict=True)\n",
        "            pass\n",
        "resuming without the average of the weights",
    ),
    Mutant(
        OPTIMIZER_STATE,
        "                numbers.setdefault(owner, {})[name] = value\n",
        "                pass\n",
        "resuming without what an optimiser counts",
    ),
    Mutant(
        OPTIMIZER_STATE,
        "groups[int(owner.removeprefix(GROUP))].update(slots)",
        "pass",
        "resuming without what a parameter group counts",
    ),
    Mutant(
        OPTIMIZER,
        "            options.optimizer,\n",
        '            "adamw",\n',
        "AdamW whatever is asked for",
    ),
    Mutant(
        OPTIMIZER,
        "            momentum=options.momentum,\n",
        "",
        "timm's momentum, not the one that is set",
    ),
    Mutant(
        OPTIMIZER,
        'rate * group["rate_factor"]',
        "rate",
        "one learning rate for all groups",
    ),
    Mutant(
        OPTIMIZER,
        "parameter.requires_grad_(False)",
        "parameter.requires_grad_(True)",
        "training what a method freezes",
    ),
    Mutant(
        OPTIMIZER,
        'if options.decay_on == "matrices" else set()',
        "if False else set()",
        "decay on everything whatever is asked for",
    ),
    Mutant(
        OPTIMIZER,
        "options.learning_rate * (ratio if",
        "options.learning_rate * (1.0 if",
        "no linear scaling of the rate",
    ),
    Mutant(
        OPTIMIZER,
        "math.sqrt(ratio)",
        "ratio",
        "linear scaling of the rate for its root",
    ),
    Mutant(
        SHARPNESS,
        "    _ascend(network, rho=rho, adaptive=adaptive)\n",
        "",
        "sharpness-aware steps without the ascent",
    ),
    Mutant(
        SHARPNESS,
        'if adaptive and "weight" in name else',
        "if False else",
        "distance that does not adapt to the weights",
    ),
    Mutant(
        SHARPNESS,
        "            parameter.copy_(value)\n",
        "            pass\n",
        "stepping from the worst weights nearby",
    ),
    Mutant(
        SHARPNESS,
        "    before.restore()\n    compute()\n",
        "    compute()\n",
        "other dropout at the worst weights nearby",
    ),
    Mutant(
        SHARPNESS,
        "    after.restore()\n",
        "",
        "running statistics of the worst weights nearby",
    ),
    Mutant(
        MONITOR,
        "state.batch % self._setting.log_every == 0 or state.batch == self._epoch_steps",
        "state.batch % self._setting.log_every == 0",
        "an epoch's last steps measured with the next one's first",
    ),
    Mutant(
        MONITOR,
        "            self._state.recent.waited_s += perf_counter() - began\n",
        "",
        "no time spent waiting for data",
    ),
    Mutant(
        MONITOR,
        "value / recent.steps for",
        "value / state.batch for",
        "losses of the latest steps over those of the epoch",
    ),
    Mutant(
        MONITOR,
        "        if state.batch == 0:\n            state.recent = Recent(began_s=state.seconds)\n",
        "",
        "validation in the time of the steps after it",
    ),
    Mutant(
        MONITOR,
        "return _in_short(self._measure()) if self._state.recent.steps else self._last",
        "self._last = _in_short(self._measure()) if self._state.recent.steps else self._last\n"
        "        self._on_measured({})\n        return self._last",
        "a row for every line that somebody reads",
    ),
    Mutant(
        STATE,
        '        state.recent = Recent(_on_device(state, tensors, RECENT), **numbers["recent"])\n',
        "",
        "resuming without what was measured since the last row",
    ),
    Mutant(
        STEPS_FILE,
        'if int(row["step"]) <= step]',
        "]",
        "rows of steps that a resumed run takes again",
    ),
    Mutant(
        STEPS_FILE,
        '.rpartition("\\n")',
        '.rpartition("\\0")[::-1]',
        "half a row read as a whole one",
    ),
)
