"""What every operation of the REST API has: authentication, limits, preconditions, problems."""
