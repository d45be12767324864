"""How lists are narrowed: $filter, $select and paging, over documents."""
