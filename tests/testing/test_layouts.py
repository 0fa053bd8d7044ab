"""The suite for layouts on one that reads a noise world; `tests/data/layouts` has one of a plugin's."""

import dataclasses

import pytest

from cvgl_bench.data.cards import read_card
from cvgl_bench.plugins import load_plugins
from cvgl_bench.testing import check_layout

DRESS = load_plugins([]).layouts["dress"]


@pytest.fixture
def world(noise_world):
    """A small data set in the layout of DReSS that nothing is wrong with: (card, root)."""
    card, root = noise_world
    return read_card(card), root


def test_a_built_in_layout_passes(world):
    check_layout(DRESS, *world)


@pytest.mark.parametrize(
    "changes, fault",
    [
        ({"name": "a layout"}, "its name must start with"),
        ({"expected": " "}, "does not say what its folder is expected to hold"),
        ({"name": "other"}, "the card 'noise' names the layout 'dress'"),
        ({"splits": ("val",)}, "layout 'dress' has the splits val"),
        ({"coordinates": False}, "give neither zoom nor m_per_px"),
    ],
)
def test_what_a_layout_says_of_itself_is_checked(world, changes, fault):
    with pytest.raises(AssertionError, match=fault):
        check_layout(dataclasses.replace(DRESS, **changes), *world)


def test_a_reader_that_reads_otherwise_each_time_is_named(world):
    calls = []

    def read(*arguments, **given):
        calls.append(arguments)
        task = DRESS.read(*arguments, **given)
        queries = task.test.queries.assign(lat=float(len(calls)))
        return dataclasses.replace(task, test=dataclasses.replace(task.test, queries=queries))

    with pytest.raises(AssertionError, match="another task when split 'same' is read again"):
        check_layout(dataclasses.replace(DRESS, read=read), *world)


def test_lists_that_leave_images_out_are_named(world):
    def lists(*arguments, view, **given):
        yield from list(DRESS.lists(*arguments, view=view, **given))[: -1 if view == "query" else None]

    with pytest.raises(AssertionError, match="`lists` leaves out query images"):
        check_layout(dataclasses.replace(DRESS, lists=lists), *world)


def test_a_data_set_that_verify_refuses_is_named(world):
    def check(found, *arguments, **given):
        found.add("label", "here", "this is wrong")
        return DRESS.check(found, *arguments, **given)

    with pytest.raises(AssertionError, match="`verify` finds fault with the data set: here: this is wrong"):
        check_layout(dataclasses.replace(DRESS, check=check), *world)
