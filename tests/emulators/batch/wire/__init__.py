"""The HTTP shell: operations, headers, codes and answers."""
