"""`python -m cxstyle` is the same as `cxstyle`."""

from .cli import main

main(prog_name="cxstyle")
