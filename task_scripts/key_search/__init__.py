"""Programs of the pipeline key-search: split a window of keys, search a range, answer."""
