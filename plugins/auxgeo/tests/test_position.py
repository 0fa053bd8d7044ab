"""The position loss against plain loops, its optimum, its gradients, and what the published form costs."""

import math

import pytest
import torch
from cvgl_auxgeo.position import locate, position_errors, position_loss

T = 0.05


def draw(batch=3, views=2, channels=16, height=12, width=12, seed=0):
    generator = torch.Generator().manual_seed(seed)
    features = torch.randn(batch, views, channels, generator=generator)
    parts = torch.randn(batch, channels, height, width, generator=generator)
    return features, parts, torch.rand(batch, 2, generator=generator)


def loss_of(*views, **settings):
    """The loss of a batch, whose errors are a distance for each pair, scale and view."""
    errors = position_errors(*views, **settings)
    assert errors.shape[0] == len(views[0]) and errors.shape[2] == views[0].shape[1]
    return position_loss(errors)


def plain_loss(features, parts, position, target):
    """Cell by cell in float64, as the paper describes it."""
    middle = 0.5 if target == "centred" else 0.0
    total = 0.0
    for pooling in (1, 2, 4):
        rows, columns = parts.shape[-2] // pooling, parts.shape[-1] // pooling
        if min(rows, columns) < 2 and pooling > 1:
            break
        for b, v in [(b, v) for b in range(len(features)) for v in range(features.shape[1])]:
            weights, x, y = 0.0, 0.0, 0.0
            for i in range(rows):
                for j in range(columns):
                    cell = parts[b, :, i * pooling : (i + 1) * pooling, j * pooling : (j + 1) * pooling]
                    cosine = torch.cosine_similarity(features[b, v], cell.mean((1, 2)), dim=0)
                    weight = math.exp(float(cosine) / T)
                    weights, x, y = weights + weight, x + weight * (j + middle), y + weight * (i + middle)
            true_x = float(position[b, 0]) * parts.shape[-1] / pooling
            true_y = float(position[b, 1]) * parts.shape[-2] / pooling
            total += math.hypot(x / weights - true_x, y / weights - true_y) / len(features)
    return total


@pytest.mark.parametrize("target", ["centred", "published"])
@pytest.mark.parametrize("shape", [(12, 12), (7, 7), (4, 6), (2, 2), (5, 14)])
def test_loss_is_the_papers(target, shape):
    features, parts, position = draw(height=shape[0], width=shape[1])
    loss = loss_of(features, parts, position, temperature=T, target=target)
    expected = plain_loss(features.double(), parts.double(), position.double(), target)
    assert loss.dtype == torch.float32
    assert float(loss) == pytest.approx(expected, rel=1e-4)


def matching(row, column, size=12):
    """A tile whose cell (row, column) alone is like the query, and its position at that cell's middle."""
    features = torch.nn.functional.one_hot(torch.tensor([[0]]), 4).float()
    parts = torch.zeros(1, 4, size, size)
    parts[:, 1] = 1
    parts[0, :, row, column] = features[0, 0] * 50
    return features, parts, torch.tensor([[(column + 0.5) / size, (row + 0.5) / size]])


def test_a_perfect_answer_costs_nothing_at_the_finest_scale_and_has_a_finite_gradient():
    features, parts, position = matching(2, 9, size=2 * 8)
    answer = locate(features[:, 0], parts, temperature=0.001, target="centred")
    assert torch.allclose(answer, position, atol=1e-6)
    parts = parts[..., :3, 8:11].clone().requires_grad_()
    position = torch.tensor([[1.5 / 3, 2.5 / 3]])
    loss = loss_of(features, parts, position, temperature=0.001, target="centred")
    loss.backward()
    assert float(loss.detach()) == 0
    assert torch.isfinite(parts.grad).all()


def test_published_target_charges_half_a_cell_for_a_perfect_answer():
    """2.12 = 3 scales x half a cell's diagonal: what the option `position_target` is for."""
    size = 12
    features = torch.nn.functional.one_hot(torch.tensor([[0]]), 4).float()
    parts = torch.zeros(1, 4, size, size)
    parts[:, 1] = 1
    parts[0, :, 4:8, 4:8] = features[0, 0][:, None, None]
    position = torch.tensor([[0.5, 0.5]])
    centred, published = (
        float(loss_of(features, parts, position, temperature=0.01, target=target))
        for target in ("centred", "published")
    )
    assert centred == pytest.approx(0, abs=1e-4)
    assert published == pytest.approx(3 * math.hypot(0.5, 0.5), abs=1e-3)


@pytest.mark.parametrize("target", ["centred", "published"])
def test_learning_the_loss_learns_to_locate(target):
    """Whatever a cell's place is taken to be, `locate` undoes it: the trained answer is the position."""
    torch.manual_seed(0)
    parts = torch.randn(8, 16, 6, 6, requires_grad=True)
    features = torch.randn(8, 1, 16)
    position = torch.rand(8, 2) * 0.4 + 0.3
    optimizer = torch.optim.Adam([parts], lr=0.1)
    for _ in range(120):
        optimizer.zero_grad()
        loss_of(features, parts, position, temperature=T, target=target).backward()
        optimizer.step()
    with torch.no_grad():
        answer = locate(features[:, 0], parts, temperature=T, target=target)
    error = (answer - position).norm(dim=1)
    assert error.max() < 0.06
    assert error.mean() < 0.2 * (0.5 - position).norm(dim=1).mean()


def test_gradients_are_right():
    features, parts, position = draw(batch=2, channels=4, height=4, width=4)
    parts.requires_grad_()
    features.requires_grad_()
    loss = loss_of(features, parts, position, temperature=T, target="centred")
    loss.backward()
    step = 1e-2
    direction = torch.randn(parts.shape, generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        forth, back = (
            loss_of(features, parts + s * direction, position, temperature=T, target="centred")
            for s in (step, -step)
        )
    assert float((parts.grad * direction).sum()) == pytest.approx(
        float(forth - back) / (2 * step), rel=0.02, abs=1e-3
    )
    assert torch.isfinite(features.grad).all()


def test_half_precision_inputs_are_computed_in_float32():
    features, parts, position = draw()
    with torch.autocast("cpu", dtype=torch.bfloat16):
        loss = loss_of(features, parts, position, temperature=T, target="centred")
    assert loss.dtype == torch.float32
    assert torch.equal(loss, loss_of(features, parts, position, temperature=T, target="centred"))
    half = loss_of(features.half(), parts.half(), position.double(), temperature=T, target="centred")
    assert half.dtype == torch.float32 and float(half) == pytest.approx(float(loss), rel=0.01)


def test_zero_maps_have_no_nan():
    features, parts = torch.zeros(1, 1, 4, requires_grad=True), torch.zeros(1, 4, 3, 3, requires_grad=True)
    loss = loss_of(features, parts, torch.tensor([[0.5, 0.5]]), temperature=T, target="centred")
    loss.backward()
    assert torch.isfinite(parts.grad).all() and torch.isfinite(features.grad).all()
