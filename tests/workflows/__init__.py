"""What ships as .github: held against validators and our own contracts, and these against breakages."""
