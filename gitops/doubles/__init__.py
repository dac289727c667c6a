"""What stands in for AWS, GitHub and a project in tests; the template's own tests use it, too."""
