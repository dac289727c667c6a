"""Pipeline executions: importing this package registers its operations with `seams`."""
