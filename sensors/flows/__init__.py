"""What do routers and switches tell of the flows that pass them?"""
