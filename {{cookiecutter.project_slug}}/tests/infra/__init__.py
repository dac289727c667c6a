"""What infra/ must say, and the table of ways to weaken it."""
