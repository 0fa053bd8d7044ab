"""What training took, as far as the records say."""

from cvgl_bench.report.leaderboard.boards import boards
from cvgl_bench.report.leaderboard.pages import dataset_page
from cvgl_bench.report.leaderboard.training_cost import COLUMNS, training_cost

CPU = {"device": "cpu", "threads": 1}
GPU = {"device": "cuda", "gpu": "Some Card 80GB", "processes": 4}


def of(*results):
    return dict(zip(COLUMNS, training_cost(results), strict=True))


def recorded(make_result, *, batch_size=128, environment=CPU, hours=1.5, **changes):
    options = {"training": {"epochs": 2, "seed": 1, "batch_size": batch_size}}
    seconds = {"train": 3600 * hours, "evaluate": 99.0}
    return make_result(options=options, environment=environment, seconds=seconds, **changes)


def test_batch_negatives_processes_device_and_hours(make_result):
    """Another reference for every other pair of the batch."""
    assert of(recorded(make_result, environment=GPU)) == {
        "Batch": "128",
        "Negatives": "127",
        "Processes": "4",
        "Device": "Some Card 80GB",
        "Hours": "1.50",
    }


def test_a_record_from_before_several_processes_could_share_a_batch_had_one(make_result):
    found = of(recorded(make_result))
    assert (found["Processes"], found["Device"]) == ("1", "cpu")


def test_seeds_share_their_facts_and_their_mean_time(make_result):
    runs = [recorded(make_result, id="a", hours=1.0), recorded(make_result, id="b", hours=2.0)]
    runs.append(recorded(make_result, id="c", environment=GPU, hours=3.0))
    assert of(*runs) == {
        "Batch": "128",
        "Negatives": "127",
        "Processes": "1, 4",
        "Device": "cpu, Some Card 80GB",
        "Hours": "2.00",
    }


def test_what_no_record_says_stays_blank(make_result):
    assert set(of(make_result()).values()) == {"–"}


def test_what_was_not_trained_took_nothing(make_result):
    assert set(of(recorded(make_result, task={"train_fingerprint": ""})).values()) == {"–"}


def test_a_page_has_the_table_where_some_row_says_something(make_result):
    silent = make_result(id="silent", method={"name": "other", "title": "Other"})
    page = dataset_page("City", boards([silent, recorded(make_result, environment=GPU)]), None)
    assert "What training took" in page
    lines = page.split("What training took")[1].splitlines()
    rows = [line.strip("| ").split("|") for line in lines if line.startswith(("| Net", "| Other"))]
    assert sorted([cell.strip() for cell in row] for row in rows) == [
        ["Net (2024)", "128", "127", "4", "Some Card 80GB", "1.50"],
        ["Other", "–", "–", "–", "–", "–"],
    ]
    assert "What training took" not in dataset_page("City", boards([silent]), None)
