"""What do the city's web portals show?"""
