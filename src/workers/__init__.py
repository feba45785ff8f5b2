"""From events to finished stages: the dispatcher, the job queue, workers and the reaper."""
