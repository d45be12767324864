"""All definitions together: parsed from YAML, compared with one another, described as schemas."""
