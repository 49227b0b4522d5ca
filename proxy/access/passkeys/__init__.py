"""Passkeys: a key pair in a device or its keychain, opened by a PIN or by the body.

Each one is two factors, possession and whatever opens it, because the authenticator's
word that it verified the user is required every time (Web Authentication level 3).
`passkeys.Passkeys` is what pages call.
"""
