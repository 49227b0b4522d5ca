"""/api/v1: routes, their permissions, and the document that describes them."""
