"""The verbs about the account: connect it to GitHub, check it, read its logs, take all of it away."""
