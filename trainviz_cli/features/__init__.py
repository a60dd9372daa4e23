"""What a network sees in a picture, from its checkpoint."""
