"""What the environment of a launcher says, and what it may not say."""

import pytest

from cvgl_bench.foundation.errors import UsageError
from cvgl_bench.foundation.launch import Launch, launched

TORCHRUN = {
    "RANK": "5",
    "WORLD_SIZE": "8",
    "LOCAL_RANK": "1",
    "LOCAL_WORLD_SIZE": "4",
    "MASTER_ADDR": "node1",
    "MASTER_PORT": "29500",
}


@pytest.mark.parametrize("environment", [{}, {"WORLD_SIZE": "1"}, {"WORLD_SIZE": "", "RANK": "0"}])
def test_one_process_is_alone(environment):
    assert launched(environment) == Launch() and launched(environment).first


def test_a_process_knows_its_place():
    found = launched(TORCHRUN)
    assert found == Launch(5, 8, local_number=1, local_count=4)
    assert not found.first and str(found) == "RANK 5 of 8 processes"


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"MASTER_ADDR": ""}, "WORLD_SIZE is 8, but these are not set: MASTER_ADDR"),
        ({"RANK": "", "LOCAL_RANK": ""}, "not set: RANK, LOCAL_RANK"),
        ({"RANK": "8"}, "RANK is 8, but WORLD_SIZE is 8: RANK goes from 0 to 7"),
        ({"WORLD_SIZE": "two"}, "WORLD_SIZE is 'two' in the environment"),
        ({"WORLD_SIZE": "0"}, "WORLD_SIZE is '0' in the environment"),
        ({"MASTER_PORT": "x"}, "MASTER_PORT is 'x' in the environment"),
    ],
)
def test_what_cannot_be_is_refused_in_one_line(changes, message):
    with pytest.raises(UsageError, match=message) as caught:
        launched(TORCHRUN | changes)
    assert "\n" not in str(caught.value)
