"""`ponctuel demo`: a call's whole life, on one command."""
