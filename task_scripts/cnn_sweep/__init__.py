"""Programs of the pipeline cnn-sweep: make settings of a grid, train one, judge the best."""
