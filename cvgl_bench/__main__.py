"""`python -m cvgl_bench` is `cvgl-bench`."""

from cvgl_bench.cli import main

main()
