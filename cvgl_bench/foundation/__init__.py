"""What every other folder stands on and knows nothing of the field: errors, files, names, options."""
