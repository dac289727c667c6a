"""This project's side of the release verbs: settings, steps, the golden definition."""
