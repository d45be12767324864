"""How a claimed run gets its plan: pin the input, split, bundle, write pages, publish."""
