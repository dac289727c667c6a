"""Models, endpoints and the runtime API: importing this package registers its operations with `seams`."""
