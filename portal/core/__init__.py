"""User, rights, settings and AWS clients that every service uses."""
