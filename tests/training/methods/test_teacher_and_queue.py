"""A method with a teacher, the average of its student, whose embeddings wait in a queue as negatives."""

import copy

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from cvgl_bench import Method, TrainableMethod
from cvgl_bench.testing import check_method

QUEUE, WIDTH, KEPT, TEMPERATURE = 10, 8, 0.9, 0.2


class TeacherAndQueue(TrainableMethod):
    """Momentum contrast (He et al., CVPR 2020): queries against a queue of the teacher's references."""

    name, title = "teacher-and-queue", "Teacher and queue"

    def __init__(self, options=None):
        super().__init__(options or Method.Options())

    def build(self):
        student = nn.Sequential(nn.Linear(3, 16), nn.GELU(), nn.Linear(16, WIDTH))
        network = nn.ModuleDict({"student": student, "teacher": copy.deepcopy(student).requires_grad_(False)})
        network.register_buffer("queue", F.normalize(torch.randn(QUEUE, WIDTH), dim=1))
        network.register_buffer("next", torch.zeros((), dtype=torch.int64))
        return network

    def prepare(self, image, view):
        return torch.from_numpy(image.reshape(-1, 3)).float().mean(dim=0) / 127.5 - 1

    def embed(self, network, images, view):
        return network["student"](images)

    def prepare_pair(self, pair, generator):
        images = {"query": pair.query, "reference": pair.reference}
        return {view: self.prepare(image, view) for view, image in images.items()}

    def represent(self, network, batch):
        keys = network["teacher"](batch["reference"])
        return {
            "query": F.normalize(network["student"](batch["query"]), dim=1),
            "reference": F.normalize(network["student"](batch["reference"]), dim=1),
            "key": F.normalize(keys, dim=1),
        }

    def criterion(self, network, outputs, context):
        candidates = torch.cat([outputs["key"], network.queue])
        logits = outputs["query"] @ candidates.T / TEMPERATURE
        alignment = (outputs["reference"] - outputs["key"]).square().sum(dim=1).mean()
        return {"contrast": F.cross_entropy(logits, torch.arange(len(logits))), "alignment": alignment}

    def after_step(self, network, outputs, context):
        pairs = zip(network["teacher"].parameters(), network["student"].parameters(), strict=True)
        for teacher, student in pairs:
            teacher.lerp_(student, 1 - KEPT)
        rows = (network.next + torch.arange(len(outputs["key"]))) % QUEUE
        network.queue[rows] = outputs["key"]
        network.next.copy_((network.next + len(rows)) % QUEUE)


class Watched(TeacherAndQueue):
    """Remembers the keys of every step."""

    def __init__(self, options=None):
        super().__init__(options)
        self.keys, self.steps, self.initial = [], [], None

    def build(self):
        network = super().build()
        self.initial = copy.deepcopy(network.state_dict())
        return network

    def after_step(self, network, outputs, context):
        assert not torch.is_grad_enabled() and not outputs["query"].requires_grad
        self.keys.append(outputs["key"])
        self.steps.append(context.step)
        super().after_step(network, outputs, context)


def test_it_keeps_the_contract():
    check_method(TeacherAndQueue)


@pytest.mark.parametrize("options", [{}, {"chunk": 3}, {"sharpness": "sam"}, {"ema_decay": 0.5}], ids=str)
def test_the_teacher_is_the_average_of_the_student(trained, options):
    run = trained(Watched, **options)
    expected = {n: t for n, t in run.method.initial.items() if n.startswith("teacher.")}
    for step in run.steps:
        for name, tensor in expected.items():
            student = step.weights[name.replace("teacher.", "student.")]
            expected[name] = KEPT * tensor + (1 - KEPT) * student
            assert float((expected[name] - step.weights[name]).abs().max()) < 1e-6, name


@pytest.mark.parametrize("chunk", ["auto", 3])
def test_the_queue_holds_the_newest_keys(trained, chunk):
    """Eight steps of four pairs: the last ten keys, in a ring."""
    run = trained(Watched, chunk=chunk)
    keys, weights = torch.cat(run.method.keys), run.steps[-1].weights
    assert run.method.steps == [*range(8)] and weights["next"] == 32 % QUEUE
    for number in range(32 - QUEUE, 32):
        assert torch.equal(weights["queue"][number % QUEUE], keys[number])
