"""What carries commands out."""
