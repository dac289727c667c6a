"""The release: runs on a laptop or a GitHub runner and talks to AWS. Nothing here runs in a container."""
