"""The signed-in person, their rights, the settings and the AWS clients that every service uses."""
