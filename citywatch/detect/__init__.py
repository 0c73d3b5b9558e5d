"""Which events does a rule say yes to, and why?"""
