"""Finished runs, and which of them are seeds of one method."""

import dataclasses

import numpy as np
import pytest

from cvgl_bench.foundation.errors import ResultError, UsageError
from cvgl_bench.report.run_groups import group_runs, read_runs


def names(folders, **given):
    return {name: len(members) for name, members in group_runs(read_runs(folders), **given).items()}


def test_seeds_of_one_method_are_pooled(write_run):
    folders = [write_run(method, seed) for method in ("sample4geo", "auxgeo") for seed in (1, 2, 3)]
    assert names(folders) == {"sample4geo": 3, "auxgeo": 3}
    assert names(folders[::2], pool=False) == {
        "sample4geo seed 1": 1,
        "sample4geo seed 3": 1,
        "auxgeo": 1,
    }


def test_names_say_in_what_methods_differ(write_run):
    plain, without = write_run("auxgeo", 1, bev=True), write_run("auxgeo", 2, bev=False)
    turned = write_run("auxgeo", 3, bev=True, variant="yaw")
    assert list(names([plain, without])) == ["auxgeo bev=true", "auxgeo bev=false"]
    assert list(names([plain, turned])) == ["auxgeo", "auxgeo yaw"]


def test_many_options_leave_the_name_to_the_folder(write_run):
    options = {f"option_{number}": True for number in range(4)}
    folders = [write_run("auxgeo", 1, **options), write_run("auxgeo", 1, folder="other")]
    assert list(names(folders)) == ["auxgeo auxgeo-1", "auxgeo other"]


def test_a_seed_twice_is_refused_unless_kept_apart(write_run):
    folders = [write_run("auxgeo", 1), write_run("auxgeo", 1, folder="again")]
    with pytest.raises(UsageError, match="--no-pool"):
        names(folders)
    assert list(names(folders, pool=False)) == ["auxgeo auxgeo-1", "auxgeo again"]


def test_what_is_not_a_finished_run_is_refused(write_run, tmp_path):
    with pytest.raises(ResultError, match="no result.json"):
        read_runs([write_run("a"), tmp_path])
    with pytest.raises(UsageError, match="given twice"):
        read_runs([tmp_path / "a-1", tmp_path / "a-1"])


def test_another_split_is_refused(write_run):
    folders = [write_run("a"), write_run("b", fingerprint="0" * 64)]
    with pytest.raises(UsageError, match="mini cross .*f{8}.*0{8}"):
        read_runs(folders)


def test_record_and_outcome_must_be_of_one_run(write_run, make_outcome):
    folder, other = write_run("a"), write_run("b", share=0.25)
    read_runs([folder, other])
    (other / "outcome.parquet").replace(folder / "outcome.parquet")
    with pytest.raises(ResultError, match=r"a-1: recall@1 0\.\d+ by result.json, 0\.\d+ by outcome.parquet"):
        read_runs([folder])
    own = read_runs([write_run("c")])[0].outcome
    farther = dataclasses.replace(own.ranking, rank=np.where(own.ranking.rank > 0, 7, 0))
    dataclasses.replace(own, ranking=farther).save(folder.parent / "c-1" / "outcome.parquet")
    with pytest.raises(ResultError, match="c-1: recall@5 1 by result.json"):
        read_runs([folder.parent / "c-1"])
    make_outcome([0, 1]).save(folder / "outcome.parquet")
    with pytest.raises(ResultError, match="number of queries 240 by result.json, 2 by"):
        read_runs([folder])
    make_outcome(np.zeros(240), references=7).save(folder / "outcome.parquet")
    with pytest.raises(ResultError, match="number of references 1000 by result.json, 7 by"):
        read_runs([folder])
