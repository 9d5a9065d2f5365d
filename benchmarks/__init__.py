"""Time, memory and accuracy of the suite, commit by commit. See "Benchmarks" in the README."""
