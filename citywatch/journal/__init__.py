"""How does nothing get lost between looking and judging?"""
