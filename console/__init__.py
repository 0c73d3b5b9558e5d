"""Where are the parts joined and shown to people?"""
