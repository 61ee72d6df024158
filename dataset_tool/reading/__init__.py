"""The readers: a list of files from folders and zips, the bytes of each, the picture in them."""
