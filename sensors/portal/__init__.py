"""What do the city's portals show, and to whom?"""
