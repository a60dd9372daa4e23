"""What training code calls: backends, and how their bytes reach the disk."""
