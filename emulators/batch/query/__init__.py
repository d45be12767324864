"""Reduces lists of documents: $filter, $select and paging."""
