"""What looks?"""
