"""`python -m dataset_tool`."""

from dataset_tool.missing import packages_needed

if __name__ == "__main__":
    with packages_needed():
        from dataset_tool.cli import main

        main()
