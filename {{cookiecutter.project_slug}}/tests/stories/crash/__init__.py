"""The crash matrix: every API call of a release goes wrong once, in each of five ways."""
