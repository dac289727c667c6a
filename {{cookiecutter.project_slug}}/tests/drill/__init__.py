"""The fire drill: good and broken releases through the production code, under load. `make drill` runs it."""
