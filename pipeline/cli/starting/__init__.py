"""What `fanfare run` starts runs of: files that it uploads, or requests that it makes."""
