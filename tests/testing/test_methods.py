"""The suite accepts what keeps the contract and names what does not: each test breaks one thing."""

from dataclasses import dataclass

import numpy as np
import pytest
import torch
from torch import nn

from cvgl_bench.builtins.baselines import Chance
from cvgl_bench.foundation.options import option
from cvgl_bench.method import Method, ParameterGroup, TrainableMethod
from cvgl_bench.networks.losses import symmetric_info_nce
from cvgl_bench.testing import check_method
from cvgl_bench.views.images import Geometry, normalise, resize


@pytest.fixture(scope="module", autouse=True)
def one_thread():
    """Tiny networks spend more time waking threads than computing."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@dataclass(frozen=True)
class GoodOptions:
    """Settings."""

    dimension: int = option(8, "Length of an embedding.", least=2)


class Good(TrainableMethod):
    """Keeps the contract."""

    name, title = "good", "Good (2024)"
    Options = GoodOptions

    def build(self):
        network = nn.Sequential(nn.Conv2d(3, self.options.dimension, 4, stride=4), nn.Dropout(0.5))
        network.log_scale = nn.Parameter(torch.tensor(2.0))
        return network

    def prepare(self, image, view):
        return normalise(
            resize(image, (16, 16) if view == "reference" else (16, 32)), (0.5,) * 3, (0.25,) * 3
        )

    def embed(self, network, images, view):
        return network(images).mean(dim=(2, 3))

    def prepare_pair(self, pair, generator):
        geometry = Geometry.draw(generator, flip_probability=0.5, turn_probability=0.5)
        query, reference = geometry.on_panorama(pair.query), geometry.on_overhead(pair.reference)
        return {"query": self.prepare(query, "query"), "reference": self.prepare(reference, "reference")}

    def represent(self, network, batch):
        return {view: self.embed(network, batch[view], view) for view in ("query", "reference")}

    def criterion(self, network, outputs, context):
        return {"info_nce": symmetric_info_nce(outputs["query"], outputs["reference"], network.log_scale)}


class Locating(Good):
    """Also answers where in the tile."""

    can_locate = True

    def locate(self, network, queries, references):
        return torch.full((len(queries), 2), 0.5)


def test_accepts_a_method_that_keeps_the_contract():
    check_method(Good)
    check_method(Good, GoodOptions(dimension=4))
    check_method(Locating)
    check_method(Grouped)
    check_method(Counting)


def test_accepts_a_method_without_images():
    check_method(Chance)


class Untitled(Good):
    """Has no title."""

    title = " "


class BadName(Good):
    """Has a name that is no file name."""

    name = "good/bad"


class Half(Method):
    """Misses both abstract functions."""

    name, title = "half", "Half"


class PlainOptions(Good):
    """Has options that nothing can validate."""

    class Options:
        """No dataclass."""


class MutableOptions(Good):
    """Has options that can change under the run."""

    @dataclass
    class Options:
        """Not frozen."""

        dimension: int = option(8, "Length.")


class HiddenOption(Good):
    """Has an option that is lost on save."""

    @dataclass(frozen=True)
    class Options:
        """One has no annotation."""

        dimension: int = option(8, "Length.")
        strength = 3


class HelplessOption(Good):
    """Has an option that nobody explains."""

    @dataclass(frozen=True)
    class Options:
        """No help."""

        dimension: int = 8


class ForgetfulConstructor(Good):
    """Copies its options."""

    def __init__(self, options):
        super().__init__(GoodOptions())


class RandomBuild(Good):
    """Draws weights from a generator of its own."""

    def build(self):
        network = super().build()
        nn.init.constant_(network[0].bias, float(np.random.default_rng().random()))
        return network


class NoNetwork(Good):
    """Builds something else."""

    def build(self):
        return lambda images: images


class Renaming(Good):
    """Mangles its own checkpoint."""

    def load_checkpoint(self, state):
        return {"model." + name: tensor for name, tensor in state.items()}


class OddLeast(Good):
    def least_size(self, view):
        return 384


class Painting(Good):
    """Draws into the image that the harness keeps."""

    def prepare(self, image, view):
        image[0] = 0
        return super().prepare(image, view)


class UnevenPrepare(Good):
    """Does not resize."""

    def prepare(self, image, view):
        return normalise(image, (0.5,) * 3, (0.25,) * 3)


class NotANumber(Good):
    """Divides by zero."""

    def embed(self, network, images, view):
        return super().embed(network, images, view) / 0.0


class Zero(Good):
    """Gives vectors without direction."""

    def embed(self, network, images, view):
        return super().embed(network, images, view) * 0.0


class Collapsed(Good):
    """Gives one vector whatever it sees."""

    def embed(self, network, images, view):
        return torch.ones(len(images), 8)


class Maps(Good):
    """Forgets to pool."""

    def embed(self, network, images, view):
        return network(images)


class TwoLengths(Good):
    """Embeds the views in different spaces."""

    def embed(self, network, images, view):
        found = super().embed(network, images, view)
        return found if view == "query" else found[:, :4]


class BatchDependent(Good):
    """Normalises over the batch."""

    def embed(self, network, images, view):
        found = super().embed(network, images, view)
        return found - found.mean(dim=0) + 0.01


class Noisy(Good):
    """Keeps dropout on in evaluation."""

    def embed(self, network, images, view):
        return nn.functional.dropout(super().embed(network, images, view), 0.5, training=True)


class OwnRandomness(Good):
    """Augments without the generator."""

    def prepare_pair(self, pair, generator):
        return super().prepare_pair(pair, np.random.default_rng())


class PaintingPairs(Good):
    """Augments in place."""

    def prepare_pair(self, pair, generator):
        pair.reference[:] = pair.reference[::-1].copy()
        return super().prepare_pair(pair, generator)


class UnevenPairs(Good):
    """Gives training tensors of the images' own size."""

    def prepare_pair(self, pair, generator):
        return {**super().prepare_pair(pair, generator), "raw": torch.from_numpy(pair.query.copy())}


class NoPairs(Good):
    """Returns a tuple."""

    def prepare_pair(self, pair, generator):
        return tuple(super().prepare_pair(pair, generator).values())


class BareLoss(Good):
    """Returns the sum instead of named terms."""

    def criterion(self, network, outputs, context):
        return super().criterion(network, outputs, context)["info_nce"]


class VectorLoss(Good):
    """Forgets to average."""

    def criterion(self, network, outputs, context):
        return {"each": super().criterion(network, outputs, context)["info_nce"].repeat(3)}


class InfiniteLoss(Good):
    """Overflows."""

    def criterion(self, network, outputs, context):
        return {"huge": super().criterion(network, outputs, context)["info_nce"] / 0.0}


class BrokenGradient(Good):
    """Is finite, its gradient is not: the square root at zero."""

    def criterion(self, network, outputs, context):
        value = super().criterion(network, outputs, context)["info_nce"]
        return {"root": value + (value * 0.0).sqrt()}


class Detached(Good):
    """Trains nothing."""

    def criterion(self, network, outputs, context):
        return {"flat": super().criterion(network, outputs, context)["info_nce"] * 0.0}


class FewerRows(Good):
    """Leaves a pair out."""

    def represent(self, network, batch):
        return {name: rows[1:] for name, rows in super().represent(network, batch).items()}


class PooledPairs(Good):
    """Subtracts the mean of the batch from what belongs to a pair."""

    def represent(self, network, batch):
        outputs = super().represent(network, batch)
        return {name: rows - rows.mean(dim=0) for name, rows in outputs.items()}


class BareRepresentation(Good):
    """Returns a tuple."""

    def represent(self, network, batch):
        return tuple(super().represent(network, batch).values())


class UnusedHead(Good):
    """Drags a layer along that no loss reaches."""

    def build(self):
        network = super().build()
        network.head = nn.Linear(2, 2)
        return network

    def embed(self, network, images, view):
        return network[1](network[0](images)).mean(dim=(2, 3))


class Grouped(Good):
    """Trains its convolution slowly, and what is left as usual."""

    def parameter_groups(self, network):
        return [ParameterGroup("slow", network[0].parameters(), rate_factor=0.1)]


class GroupsOfNames(Grouped):
    """Names parameters instead of giving them."""

    def parameter_groups(self, network):
        return ["0.weight"]


class GroupedTwice(Grouped):
    """Puts the bias into two groups."""

    def parameter_groups(self, network):
        return [*super().parameter_groups(network), ParameterGroup("bias", [network[0].bias])]


class ForeignGroup(Grouped):
    """Groups the parameters of another network."""

    def parameter_groups(self, network):
        return super().parameter_groups(self.build())


class BackwardGroup(Grouped):
    """Goes uphill."""

    def parameter_groups(self, network):
        return [ParameterGroup("uphill", network[0].parameters(), rate_factor=-1.0)]


class GroupsOfOneName(Grouped):
    """Cannot be told apart."""

    def parameter_groups(self, network):
        return [ParameterGroup("one", [network[0].bias]), ParameterGroup("one", [network[0].weight])]


class AllFrozen(Grouped):
    """Leaves nothing to train."""

    def parameter_groups(self, network):
        return [ParameterGroup("still", network.parameters(), frozen=True)]


class Counting(Good):
    """Counts its steps in a buffer."""

    def build(self):
        network = super().build()
        network.register_buffer("steps", torch.zeros(()))
        return network

    def after_step(self, network, outputs, context):
        network.steps += 1


class CountingApart(Counting):
    """Counts its steps in itself, and forgets them when it is resumed."""

    def __init__(self, options):
        super().__init__(options)
        self.count = 0

    def after_step(self, network, outputs, context):
        self.count += 1
        network.steps.fill_(self.count)


class Growing(Counting):
    """Keeps a longer and longer list."""

    def after_step(self, network, outputs, context):
        network.register_buffer("steps", torch.zeros(network.steps.numel() + 1))


class Meddling(Counting):
    """Trains by itself."""

    def after_step(self, network, outputs, context):
        network[0].weight += 1


class LostPositions(Locating):
    """Locates nothing."""

    def locate(self, network, queries, references):
        return torch.full((len(queries), 2), float("nan"))


class OddPositions(Locating):
    """Gives one number a query."""

    def locate(self, network, queries, references):
        return torch.zeros(len(queries))


BROKEN = {
    Untitled: "needs a `title`",
    BadName: "`name` must start with a letter or digit.*'good/bad'",
    Half: "must define build, embed",
    PlainOptions: "`Options` must be a frozen dataclass",
    MutableOptions: "`Options` must be a frozen dataclass",
    HiddenOption: "option 'strength' has no annotation",
    HelplessOption: "option 'dimension' has no help",
    ForgetfulConstructor: "must keep the options",
    RandomBuild: "different networks from one seed",
    NoNetwork: r"build\(\) must return a torch.nn.Module",
    Renaming: "does not load its own state dict",
    OddLeast: r"least_size\(\) gives 384",
    Painting: r"prepare\(\) changes the image",
    UnevenPrepare: "different shape or type for query images",
    NotANumber: "infinite or not a number",
    Zero: "embeds a query as zero",
    Collapsed: "embeds every query alike",
    Maps: r"embed\(\) gives shape \(3, 8, 4, 8\)",
    TwoLengths: "queries with 8 and references with 4 dimensions",
    BatchDependent: "differently alone and in a batch",
    Noisy: "differently",
    OwnRandomness: r"prepare_pair\(\) differs",
    PaintingPairs: r"prepare_pair\(\) changes the images",
    UnevenPairs: "cannot be stacked",
    NoPairs: r"prepare_pair\(\) must return a dict",
    BareLoss: r"criterion\(\) gives a tensor \(\) of float32, but it must be a dict",
    VectorLoss: r"criterion\(\) gives a tensor \(3,\) of float32 as 'each'",
    FewerRows: r"represent\(\) gives a tensor \(2, 8\) of float32 as 'query', but for 3 pairs",
    PooledPairs: r"a pair differently alone and in a batch \('query'.* belongs into criterion\(\)",
    BareRepresentation: r"represent\(\) gives a tuple, but it must be a dict",
    InfiniteLoss: "the loss term 'huge' is inf",
    BrokenGradient: "is not finite",
    Detached: "no gradient at all",
    UnusedHead: "no loss reaches the parameters head.weight, head.bias",
    LostPositions: "position that is not a number",
    OddPositions: r"locate\(\) gives shape \(3,\)",
    GroupsOfNames: r"parameter_groups\(\) gives a list, but it must be a list of ParameterGroup",
    GroupedTwice: "a group 'bias' with a parameter that is in another group",
    ForeignGroup: "a group 'slow' with a parameter .*that the network does not have",
    BackwardGroup: "a group 'uphill' whose rate or decay is negative",
    GroupsOfOneName: "two groups of one name",
    AllFrozen: "freezes everything",
    CountingApart: "keeps something outside the network",
    Growing: "changes the names or shapes",
    Meddling: "changes parameters that are trained",
}


@pytest.mark.parametrize("broken", BROKEN, ids=lambda cls: cls.__name__)
def test_names_what_is_broken(broken):
    with pytest.raises(AssertionError, match=BROKEN[broken]) as caught:
        check_method(broken)
    assert str(caught.value).startswith(broken.__name__ + ": ")


def test_a_recipe_that_sets_an_unknown_option_is_named(tmp_path):
    (tmp_path / "vigor.yaml").write_text("method:\n  dimensions: 4\n")

    class WithRecipes(Good):
        recipes = tmp_path

    with pytest.raises(AssertionError, match=r"vigor\.yaml sets 'dimensions'.*Did you mean 'dimension'"):
        check_method(WithRecipes)
    (tmp_path / "vigor.yaml").write_text("method:\n  dimension: 4\n")
    check_method(WithRecipes)


def test_recipes_must_be_there(tmp_path):
    class WithoutRecipes(Good):
        recipes = tmp_path

    with pytest.raises(AssertionError, match="holds no YAML file"):
        check_method(WithoutRecipes)
