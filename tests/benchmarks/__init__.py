"""What `./tests/bench NAME` runs: each benchmark measures its reference in the same run, on the same machine."""
