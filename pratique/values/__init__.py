"""The words of the pipeline, as frozen values."""
