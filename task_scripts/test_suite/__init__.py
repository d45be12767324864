"""Programs of the pipeline test-suite: balance the files of an archive, test a shard, merge."""
