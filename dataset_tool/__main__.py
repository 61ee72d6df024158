"""`python -m dataset_tool`."""

from dataset_tool.cli import main

if __name__ == "__main__":
    main()
