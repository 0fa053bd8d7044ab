"""Data sets that are generated on first use, kept in the cache folder."""

from __future__ import annotations

from pathlib import Path

from cvgl_bench.data.dataset import Dataset
from cvgl_bench.foundation.cache import WORLDS, cache_folder, mark_used
from cvgl_bench.foundation.errors import DataError
from cvgl_bench.foundation.progress import progress


def world_root(dataset: Dataset) -> Path:
    """Return the folder of a generated data set, generating it if it is not there yet."""
    from cvgl_bench import minicity

    plans = {plan.name: plan for plan in (minicity.MINI_DRESS, minicity.MINI_VIGOR)}
    if dataset.generated not in plans:
        raise DataError(
            f"The card of '{dataset.name}' names the generated world '{dataset.generated}', which does "
            f"not exist. Known: {', '.join(plans)}."
        )
    plan = plans[dataset.generated]
    root = cache_folder() / WORLDS / f"{plan.name}-{minicity.plan_digest(plan)}"
    if not minicity.holds(plan, root):
        try:
            root.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise DataError(
                f"The cache folder {root.parent} cannot be made: {error.strerror}. Set CVGL_CACHE to another."
            ) from None
        with progress(None, f"generate {dataset.name}") as bar:
            reported = 0

            def report(done: int, total: int) -> None:
                nonlocal reported
                bar.set_total(total)
                bar.advance(done - reported)
                reported = done

            minicity.generate(plan, root, progress=report)
    mark_used(root)
    return root
