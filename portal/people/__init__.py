"""Roles and deputies of people: the roles file in the lake beside the groups of the sign-in service."""
