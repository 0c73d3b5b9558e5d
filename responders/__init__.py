"""What acts?"""
