"""The job queue: how jobs are put in, claimed and worked off."""
