"""The command line as tools of an assistant, over the Model Context Protocol."""
