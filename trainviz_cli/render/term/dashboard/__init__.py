"""The live view: what is known of runs on one screen, again and again."""
