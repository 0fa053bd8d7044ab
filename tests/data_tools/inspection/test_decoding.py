import numpy as np
import pytest
from PIL import Image

from cvgl_bench.data_tools.inspection.decoding import Decoded, decoding_fault, ends_well, record_of


def save(path, **options):
    pixels = np.random.default_rng(0).integers(0, 255, (40, 40, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(path, **options)
    return path


@pytest.mark.parametrize("suffix, format", [(".jpg", "JPEG"), (".png", "PNG")])
def test_the_end_tells_a_whole_file_from_a_cut_one(tmp_path, suffix, format):
    content = save(tmp_path / f"x{suffix}").read_bytes()
    assert ends_well(format, content)
    assert ends_well(format, content + b"\0" * 20), "cameras append bytes of their own"
    assert not ends_well(format, content[: len(content) * 2 // 3])
    assert ends_well("WEBP", content[:10]), "other formats have no such end"


@pytest.mark.parametrize("suffix", [".jpg", ".png", ".webp"])
def test_a_cut_image_cannot_be_decoded(tmp_path, suffix):
    path = save(tmp_path / f"x{suffix}")
    assert decoding_fault(path) is None
    path.write_bytes(path.read_bytes()[:-300])
    assert str(path) in decoding_fault(path)


def test_only_good_images_are_remembered_until_they_change(tmp_path):
    good, bad = save(tmp_path / "good.jpg"), tmp_path / "bad.jpg"
    bad.write_bytes(good.read_bytes()[:-300])
    for expected in ((2, 0), (1, 1)):
        with Decoded(tmp_path / "record" / "r.jsonl") as decoded:
            assert decoded.fault(good, "good.jpg") is None
            assert decoded.fault(bad, "bad.jpg")
        assert (decoded.decoded, decoded.skipped) == expected
    save(good, quality=50)
    with Decoded(tmp_path / "record" / "r.jsonl") as decoded:
        decoded.fault(good, "good.jpg")
    assert (decoded.decoded, decoded.skipped) == (1, 0)


def test_every_folder_has_a_record_of_its_own(tmp_path):
    first, second = (record_of(tmp_path / name, tmp_path / "cache") for name in ("a", "b"))
    assert first != second and first.parent == second.parent == tmp_path / "cache" / "verified"
    assert record_of(tmp_path / "a" / ".." / "a", tmp_path / "cache") == first
