"""Reading a dataset zip and deciding which picture comes when."""
