"""Single sign-on: an OpenID provider says who somebody is, and in which groups."""
