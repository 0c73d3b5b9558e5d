"""How does a portal look to the eye?"""
