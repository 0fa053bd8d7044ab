"""A method that breaks its contract is named with the function and what it gave."""

import numpy as np
import pytest
import torch
from torch import nn

from cvgl_bench.builtins.baselines import Chance, ChanceOptions
from cvgl_bench.foundation.errors import PluginError
from cvgl_bench.networks import answers

METHOD = Chance(ChanceOptions())
GOOD = torch.ones(4, 8)
TERM = torch.tensor(1.0, requires_grad=True)


def embed(answer, **given):
    return answers.embeddings(METHOD, answer, **{"count": 4, "width": None, **given})


def locate(answer):
    return answers.positions(METHOD, answer, count=4)


def scores(answer):
    return answers.pair_scores(METHOD, answer, queries=4, references=3)


def represented(answer):
    return answers.representations(METHOD, answer, count=4)


def loss(answer):
    return answers.loss_terms(METHOD, answer)


def pair(answer):
    return answers.prepared_pair(METHOD, answer)


BROKEN = {
    "build: None": (lambda: answers.built_network(METHOD, None), r"build\(\) gives None"),
    "build: class": (lambda: answers.built_network(METHOD, nn.Linear), r"build\(\) gives a type"),
    "prepare: None": (lambda: answers.prepared_image(METHOD, None), r"prepare\(\) gives None"),
    "prepare: array": (lambda: answers.prepared_image(METHOD, np.zeros(3)), r"gives a ndarray"),
    "least_size: a number": (lambda: answers.least_size(METHOD, 384), r"least_size\(\) gives 384"),
    "least_size: one side": (lambda: answers.least_size(METHOD, (384,)), r"least_size\(\) gives \(384,\)"),
    "least_size: nothing": (lambda: answers.least_size(METHOD, (0, 384)), r"must be \(height, width\)"),
    "least_size: text": (lambda: answers.least_size(METHOD, "38"), r"must be \(height, width\)"),
    "embed: None": (lambda: embed(None), "gives None"),
    "embed: array": (lambda: embed(GOOD.numpy()), "gives a ndarray"),
    "embed: tuple": (lambda: embed((GOOD,)), "gives a tuple"),
    "embed: twice the rows": (lambda: embed(torch.cat([GOOD, GOOD])), r"\(8, 8\) of float32, but for 4 rows"),
    "embed: too few rows": (lambda: embed(GOOD[:3]), r"\(3, 8\)"),
    "embed: one row": (lambda: embed(GOOD[0]), r"\(8,\)"),
    "embed: no batch": (lambda: embed(GOOD.mean()), r"\(\)"),
    "embed: a map": (lambda: embed(GOOD[:, :, None, None]), r"\(4, 8, 1, 1\)"),
    "embed: no columns": (lambda: embed(GOOD[:, :0]), r"\(4, 0\)"),
    "embed: whole numbers": (lambda: embed(GOOD.long()), "int64"),
    "embed: booleans": (lambda: embed(GOOD.bool()), "bool"),
    "embed: complex": (lambda: embed(GOOD.to(torch.complex64)), "complex64"),
    "embed: other width": (lambda: embed(GOOD, width=16), r"must be a tensor \(4, 16\)"),
    "rerank: None": (lambda: scores(None), r"rerank\(\) gives None"),
    "rerank: transposed": (lambda: scores(torch.zeros(3, 4)), r"\(3, 4\) of float32"),
    "rerank: one a query": (lambda: scores(torch.zeros(4)), r"must be a tensor \(4, 3\)"),
    "rerank: whole numbers": (lambda: scores(torch.zeros(4, 3).long()), "int64"),
    "rerank: infinite": (lambda: scores(torch.full((4, 3), torch.inf)), "scores that are not finite"),
    "locate: None": (lambda: locate(None), r"locate\(\) gives None"),
    "locate: transposed": (lambda: locate(torch.zeros(2, 4)), r"\(2, 4\)"),
    "locate: three columns": (lambda: locate(torch.zeros(4, 3)), r"must be a tensor \(4, 2\)"),
    "locate: cells": (lambda: locate(torch.zeros(4, 2).long()), "int64"),
    "locate: not finite": (lambda: locate(torch.full((4, 2), torch.nan)), "not finite"),
    "represent: None": (lambda: represented(None), r"represent\(\) gives None"),
    "represent: empty": (lambda: represented({}), "gives a dict"),
    "represent: number": (lambda: represented({"a": 1.0}), "a float as 'a'"),
    "represent: a row short": (lambda: represented({"a": torch.ones(3, 8)}), r"\(3, 8\).*for 4 pairs"),
    "represent: no rows": (lambda: represented({"a": TERM}), "for 4 pairs it must hold one row a pair"),
    "criterion: None": (lambda: loss(None), r"criterion\(\) gives None"),
    "loss: tensor": (lambda: loss(TERM), "must be a dict"),
    "loss: empty": (lambda: loss({}), "gives a dict"),
    "loss: number": (lambda: loss({"a": 1.0}), "a float as 'a'"),
    "loss: a term None": (lambda: loss({"a": TERM, "b": None}), "None as 'b'"),
    "loss: a batch of terms": (lambda: loss({"a": TERM.repeat(4)}), r"\(4,\) of float32 as 'a'"),
    "loss: whole number": (lambda: loss({"a": torch.tensor(1)}), "int64 as 'a'"),
    "loss: detached": (lambda: loss({"a": TERM.detach()}), "do not depend on the network"),
    "loss: unnamed": (lambda: loss({0: TERM}), "as 0"),
    "prepare_pair: None": (lambda: pair(None), r"prepare_pair\(\) gives None"),
    "prepare_pair: tuple": (lambda: pair((GOOD, GOOD)), "gives a tuple"),
    "prepare_pair: empty": (lambda: pair({}), "gives a dict"),
    "prepare_pair: array": (lambda: pair({"query": np.zeros(3)}), "a ndarray as 'query'"),
    "load_checkpoint: None": (lambda: answers.loaded_state(METHOD, None), r"load_checkpoint\(\) gives None"),
    "load_checkpoint: array": (lambda: answers.loaded_state(METHOD, {"a": np.zeros(1)}), "must map names"),
}


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_contract_is_named_in_one_line(name):
    check, words = BROKEN[name]
    with pytest.raises(PluginError, match=words) as caught:
        check()
    assert str(caught.value).startswith("The method 'chance' breaks its contract: ")
    assert "\n" not in str(caught.value)


def test_what_the_contract_allows_passes_unchanged():
    for answer in (GOOD, GOOD.half(), GOOD.bfloat16(), GOOD.double()):
        assert embed(answer, width=8) is answer
    fractions = torch.rand(4, 2)
    assert locate(fractions) is fractions
    assert loss({"a": TERM, "weight": TERM.detach()})["a"] is TERM
    assert pair({"query": GOOD})["query"] is GOOD
