"""Pictures of a page: small, each stored once, and never more than there is room for."""

import base64
from io import BytesIO

import numpy as np
import pytest
from PIL import Image

from cvgl_bench.foundation.errors import DataError
from cvgl_bench.report.page.pictures import MOST_BYTES, MOST_BYTES_ONE_RUN, PictureStock, most_bytes


def noise(seed=0, size=(60, 120)):
    return np.random.default_rng(seed).integers(0, 256, (*size, 3)).astype(np.uint8)


def decoded(picture):
    head, _, text = picture.uri.partition(",")
    assert head == "data:image/jpeg;base64"
    return Image.open(BytesIO(base64.b64decode(text)))


def test_pictures_are_jpeg_within_their_size_in_their_shape():
    picture = PictureStock(10**6).add("a", noise, most=(30, 30))
    assert (picture.width, picture.height) == (30, 15) == decoded(picture).size
    small = PictureStock(10**6).add("a", noise, most=(500, 500))
    assert (small.width, small.height) == (120, 60), "nothing is enlarged"


def test_what_is_shown_twice_is_read_and_stored_once():
    pictures, reads = PictureStock(10**6), []

    def read():
        reads.append(1)
        return noise()

    first, again = (pictures.add("a", read, most=(30, 30)) for _ in range(2))
    other = pictures.add("b", read, most=(30, 30))
    assert first is again and len(reads) == 2
    assert first.id != other.id and pictures.stored() == [first, other]


def test_no_more_than_there_is_room_for():
    room = 40_000
    pictures = PictureStock(room)
    made = [pictures.add(seed, lambda seed=seed: noise(seed), most=(60, 120)) for seed in range(20)]
    kept = [picture for picture in made if picture is not None]
    assert 0 < len(kept) < 20 and pictures.too_many == 20 - len(kept)
    assert sum(len(picture.uri) for picture in kept) <= room
    assert pictures.notes() == [f"{20 - len(kept)} pictures are left out so that the page stays small."]


def test_without_room_no_image_is_read():
    def read():
        raise AssertionError("read")

    assert PictureStock(0).add("a", read, most=(30, 30)) is None


def test_what_cannot_be_read_is_counted_and_the_first_named():
    def damaged(name):
        raise DataError(f"The image {name} is damaged.")

    pictures = PictureStock(10**6)
    assert pictures.add("a", lambda: damaged("a.jpg"), most=(9, 9)) is None
    assert pictures.add("b", lambda: damaged("b.jpg"), most=(9, 9)) is None
    assert pictures.notes() == ["2 pictures could not be read. The first: The image a.jpg is damaged."]


@pytest.mark.parametrize("runs", [1, 2, 5, 20])
def test_the_room_of_pages(runs):
    assert MOST_BYTES_ONE_RUN <= most_bytes(runs) <= MOST_BYTES
    assert most_bytes(1) == 5_000_000 and most_bytes(5) == 15_000_000
