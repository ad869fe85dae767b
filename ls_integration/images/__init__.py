"""Any scientific image file to an array (`read`), an array to a browser picture (`render`)."""
