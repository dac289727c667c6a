"""What happens in GitHub after a release: its outcome, the job summary, the issue and the revert."""
