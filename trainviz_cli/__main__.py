"""`python -m trainviz_cli` is the command `trainviz`."""

from trainviz_cli.cli import main

if __name__ == "__main__":
    main()
