"""The image store: what `docker build` and `docker push` leave, and how an image becomes a process."""
