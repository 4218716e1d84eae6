"""The error of Glue jobs."""


class JobError(Exception):
    """The job cannot continue; the message says why and contains no patient data."""
